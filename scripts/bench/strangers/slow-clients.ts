import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { quantile } from '../../../src/lab/statistics/quantile.ts';
import { ensurePrograms } from '../../test-tools.ts';
import { writeTable } from '../../write-table.ts';
import { end, type Gateway, haproxyBinary, portsFor, startHaproxy, startRampart } from './gateways.ts';

const CAP = 8;
const COUNT = 200;
const PER_SECOND = 50;
const SECONDS = 8;
/** Runs without and with the slow clients, in turns. */
const ROUNDS = 3;
const PATIENCE_MS = 5000;

interface Run {
  readonly isCrowded: boolean;
  readonly ok: number;
  readonly asked: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** `bench:strangers slow`: ordinary requests beside 200 idle WebSockets, 200 uploads at 1 B/s and 200 readers at 1 KB/s. */
export async function slowClients(args: readonly string[]): Promise<void> {
  ensurePrograms([{ program: haproxyBinary, debianPackage: 'haproxy' }]);
  const backendPorts = await portsFor(1);
  const backend = await child('slow-backend.ts', [String(backendPorts[0])]);
  const lines: string[] = [];
  try {
    for (const start of [startRampart, startHaproxy]) {
      const gateway: Gateway = await start({ backendPorts, cap: CAP });
      try {
        lines.push(...rowsOf(gateway.name, await measure(gateway.origin)));
      } finally {
        await gateway.stop();
      }
    }
  } finally {
    await end(backend);
  }
  const table = [HEAD, ...lines].join('\n');
  console.log(`\n${table}`);
  if (args.includes('--write')) writeTable('overload.md', 'slow clients', table);
}

async function measure(origin: string): Promise<Run[]> {
  const runs: Run[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const isCrowded of [false, true]) {
      const crowd = isCrowded ? await child('slow-crowd.ts', [new URL(origin).port, String(COUNT)]) : undefined;
      runs.push({ isCrowded, ...(await offer(`${origin}/app/x`)) });
      console.log(JSON.stringify(runs.at(-1)));
      if (crowd !== undefined) await end(crowd);
    }
  }
  return runs;
}

/** Requests that come at a steady rate, whether or not those before are answered. */
async function offer(url: string): Promise<Omit<Run, 'isCrowded'>> {
  const agent = new Agent({ keepAlive: true });
  const pending: Promise<number>[] = [];
  const startedAt = performance.now();
  for (let index = 0; index < PER_SECOND * SECONDS; index++) {
    const waitMs = startedAt + (index * 1000) / PER_SECOND - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    pending.push(ask(url, agent));
  }
  const times = await Promise.all(pending);
  agent.destroy();
  const good = times.filter((ms) => ms >= 0).toSorted((left, right) => left - right);
  return { ok: good.length, asked: times.length, p50Ms: quantile(good, 0.5), p99Ms: quantile(good, 0.99) };
}

/** Milliseconds to the last byte of a 200; -1 for anything else. */
function ask(url: string, agent: Agent): Promise<number> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const req = request(url, { agent, timeout: PATIENCE_MS }, (res) => {
      res.resume();
      res.on('end', () => resolve(res.statusCode === 200 ? performance.now() - startedAt : -1));
    });
    req.on('timeout', () => req.destroy());
    req.on('error', () => resolve(-1));
    req.on('close', () => resolve(-1));
    req.end();
  });
}

async function child(file: string, args: string[]): Promise<ChildProcess> {
  const started = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  await once(started, 'message');
  return started;
}

const HEAD = '| gateway | slow clients | answered 200 | p50 ms | p99 ms |\n|---|---|--:|--:|--:|';

function rowsOf(name: string, runs: readonly Run[]): string[] {
  return [false, true].map((isCrowded) => {
    const of = runs.filter((run) => run.isCrowded === isCrowded);
    const sum = (pick: (run: Run) => number): number => of.reduce((total, run) => total + pick(run), 0);
    const range = (pick: (run: Run) => number): string => {
      const values = of
        .filter(({ ok }) => ok > 0)
        .map(pick)
        .toSorted((left, right) => left - right);
      if (values.length === 0) return '–';
      return `${(values[Math.floor(values.length / 2)] as number).toFixed(1)} (${values.map((ms) => ms.toFixed(1)).join(', ')})`;
    };
    const share = `${sum(({ ok }) => ok)} of ${sum(({ asked }) => asked)}`;
    return `| ${name} | ${isCrowded ? `${COUNT} of each kind` : 'none'} | ${share} | ${range(({ p50Ms }) => p50Ms)} | ${range(({ p99Ms }) => p99Ms)} |`;
  });
}
