// npm run bench -- barcode: what one created barcode costs, process by process, and within a worker part by part.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readProducts } from '../../test/support/products.ts';
import { median } from '../../src/lab/statistics/quantile.ts';
import { runLoad } from './load.ts';
import { processorSeconds } from './processor-time.ts';
import { type ProcessRole, startWholeHost, type WholeHost } from './whole-host.ts';

const CONNECTIONS = 16;
const WARM_UP = 10_000;
const ROUNDS = 5;
const REQUESTS = 10_000;
/** Long enough for the ledger to write what the round has left. */
const LEDGER_MS = 1500;

const roles = ['gateway', 'generator', 'batch', 'control', 'PostgreSQL', 'supervisor'] as const;

export interface BarcodeCost {
  readonly perSecond: number;
  /** Processor microseconds of one barcode, medians over the rounds. */
  readonly microseconds: ReadonlyMap<ProcessRole, number>;
  /** The parts of a worker's time, by a profile of its own run: microseconds, as far as JavaScript can see. */
  readonly workerParts: ReadonlyMap<string, number>;
}

/** Creates QR codes of products' names, each another one, over 16 connections in a closed loop. */
export async function benchBarcode(): Promise<BarcodeCost> {
  const host = await startWholeHost();
  let rounds: Awaited<ReturnType<typeof measureRound>>[];
  try {
    await create(host, WARM_UP);
    rounds = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await measureRound(host));
  } finally {
    await host.stop();
  }
  const microseconds = new Map(
    roles.map((role) => [role, median(rounds.map(({ costs }) => costs.get(role) ?? 0))] as const),
  );
  const perSecond = median(rounds.map((round) => round.perSecond));
  return { perSecond, microseconds, workerParts: await profileWorkers(microseconds.get('gateway') ?? 0) };
}

async function measureRound(host: WholeHost) {
  const before = secondsByProcess(host);
  const seconds = await create(host, REQUESTS);
  await new Promise((resolve) => setTimeout(resolve, LEDGER_MS));
  const after = secondsByProcess(host);
  const costs = new Map<ProcessRole, number>();
  // A process of PostgreSQL that ended meanwhile is left out; one that began counts whole.
  for (const [pid, { role, used }] of after) {
    const spent = used - (before.get(pid)?.used ?? 0);
    costs.set(role, (costs.get(role) ?? 0) + (spent * 1e6) / REQUESTS);
  }
  return { perSecond: REQUESTS / seconds, costs };
}

/** Processor seconds since the start of each process, by its id. */
function secondsByProcess(host: WholeHost): ReadonlyMap<number, { readonly role: ProcessRole; readonly used: number }> {
  return new Map(
    host
      .processes()
      .filter(({ pid }) => existsSync(`/proc/${pid}`))
      .map(({ pid, role }) => [pid, { role, used: processorSeconds([pid]) }] as const),
  );
}

let created = 0;
const products = readProducts();

/** Resolves with the seconds that it took. */
async function create({ port, key }: WholeHost, requests: number): Promise<number> {
  const request = (): string => {
    const product = products[created % products.length]?.name ?? '';
    const body = JSON.stringify({ symbology: 'qrcode', text: `${product} ${created++}` });
    const lines = [
      'POST /v1/barcodes HTTP/1.1',
      'host: bench.local',
      `authorization: Bearer ${key}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
    ];
    return `${lines.join('\r\n')}\r\n\r\n${body}`;
  };
  const { failed, seconds } = await runLoad({ port, request, connections: CONNECTIONS, requests });
  if (failed > 0) throw new Error(`${failed} of ${requests} barcodes were not created`);
  return seconds;
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { functionName: string; url: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A run of its own, as profiling costs time: the share of each part, of the time that the measured run took. */
async function profileWorkers(workerMicroseconds: number): Promise<ReadonlyMap<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bench-profile-'));
  const host = await startWholeHost({ NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` });
  const workers = host.processes().filter(({ role }) => role === 'gateway');
  try {
    await create(host, WARM_UP + REQUESTS);
  } finally {
    await host.stop();
  }
  const parts = new Map<string, number>();
  for (const name of readdirSync(folder)) {
    if (!workers.some(({ pid }) => name.includes(`.${pid}.`))) continue;
    addProfile(parts, JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile);
  }
  rmSync(folder, { recursive: true, force: true });
  const total = [...parts.values()].reduce((sum, each) => sum + each, 0);
  const ordered = [...parts].toSorted(([, left], [, right]) => right - left);
  return new Map(ordered.map(([part, time]) => [part, (time / total) * workerMicroseconds]));
}

function addProfile(parts: Map<string, number>, { nodes, samples, timeDeltas }: CpuProfile): void {
  const partOf = new Map(nodes.map(({ id, callFrame }) => [id, partOfFrame(callFrame.functionName, callFrame.url)]));
  // The start is not a part of any request.
  let since = 0;
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0;
    since += delta;
    const part = partOf.get(id);
    if (part !== undefined && since > 3e6) parts.set(part, (parts.get(part) ?? 0) + delta);
  }
}

function partOfFrame(functionName: string, url: string): string | undefined {
  if (functionName === '(idle)' || functionName === '(root)') return undefined;
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (url === '') return 'kernel and native code (sockets, parsers, compiler)';
  if (url.includes('/undici/')) return 'client to backends (undici)';
  if (url.includes('/src/')) return `Rampart: ${/\/src\/([^/]+(?:\/[^/]+(?=\/))?)/.exec(url)?.[1] ?? ''}`;
  if (/node:(?:_http|internal\/http)/.test(url)) return "Node's HTTP server";
  if (url.includes('/pg') || url.includes('prisma')) return 'client of PostgreSQL';
  return 'Node: sockets, streams, timers, promises';
}

export function barcodeTable({ perSecond, microseconds, workerParts }: BarcodeCost): string {
  const total = [...microseconds.values()].reduce((sum, each) => sum + each, 0);
  const line = ([name, cost]: readonly [string, number]): string => `| ${name} | ${cost.toFixed(0)} |`;
  return [
    `| ${perSecond.toFixed(0)} barcodes/s, load generator beside them | µs of processor for each |`,
    '|---|---:|',
    ...[...microseconds].map(line),
    `| **together** | **${total.toFixed(0)}** |`,
    '',
    '| of a gateway worker | µs |',
    '|---|---:|',
    ...[...workerParts].filter(([, cost]) => cost >= 0.5).map(line),
  ].join('\n');
}
