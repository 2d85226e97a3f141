import { Client } from 'undici';
import type { LabContext } from '../experiments/step.ts';
import { Latencies } from '../measure/latency.ts';
import type { System } from '../system/system.ts';

/** How fast records are made in one mode of the ledger, and how many are lost if every gateway worker is killed. */
export interface LedgerPoint {
  readonly durability: string;
  readonly batchSize: number;
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Records whose reply was received before the kill. */
  readonly acknowledged: number;
  readonly lost: number;
}

const CONNECTIONS = 16;
const SETTLE_MS = 1000;
/** After it, dead workers are replaced and what they left on the disk is in PostgreSQL. */
const RECOVERY_LIMIT_MS = 10_000;
const LOOK_MS = 1000;

export async function measureLedger(
  system: System,
  {
    durability,
    batchSize,
    holdMs,
  }: { readonly durability: string; readonly batchSize: number; readonly holdMs: number },
  context: LabContext,
): Promise<LedgerPoint> {
  const { clock } = context;
  const latencies = new Latencies();
  const ids: string[] = [];
  const state = { isOver: false, isCounting: false, counted: 0 };
  const clients = Array.from({ length: CONNECTIONS }, () => new Client(system.url, { headersTimeout: 10_000 }));
  const loops = clients.map((client, index) => create(client, { system, index, state, ids, latencies, context }));
  await pause(context, SETTLE_MS);
  state.isCounting = true;
  const startedAt = clock.now();
  await pause(context, holdMs);
  const perSecond = (state.counted * 1000) / (clock.now() - startedAt);
  state.isCounting = false;
  for (const { role, pid } of await system.processes()) if (role === 'gateway') process.kill(pid, 'SIGKILL');
  state.isOver = true;
  await Promise.all(loops);
  await Promise.all(clients.map((client) => client.destroy()));
  return {
    durability,
    batchSize,
    perSecond,
    p99Ms: latencies.distribution().p99Ms,
    acknowledged: ids.length,
    lost: await missing(system, ids, context),
  };
}

interface Creating {
  readonly system: System;
  readonly index: number;
  readonly state: { isOver: boolean; isCounting: boolean; counted: number };
  readonly ids: string[];
  readonly latencies: Latencies;
  readonly context: LabContext;
}

async function create(client: Client, { system, index, state, ids, latencies, context }: Creating): Promise<void> {
  const headers = { authorization: `Bearer ${system.key}`, 'content-type': 'application/json' };
  for (let number = 0; !state.isOver; number++) {
    const sentAt = context.clock.now();
    const body = JSON.stringify({ symbology: 'qrcode', text: `${index} ${number}` });
    try {
      const reply = await client.request({ method: 'POST', path: '/v1/barcodes', headers, body });
      await reply.body.dump();
      if (reply.statusCode !== 201) continue;
      ids.push(String(reply.headers['location']).split('/').at(-1) ?? '');
      if (!state.isCounting) continue;
      state.counted++;
      latencies.record(context.clock.now() - sentAt);
    } catch {
      // Of a worker that was killed: its request has no reply, so it is owed nothing.
      if (!state.isOver) await pause(context, 10);
    }
  }
}

/** How many of these records are not there once the workers are back; those on their way get time to arrive. */
async function missing(system: System, ids: readonly string[], context: LabContext): Promise<number> {
  const giveUpAt = context.clock.now() + RECOVERY_LIMIT_MS;
  for (;;) {
    await pause(context, LOOK_MS);
    const found = await recordsOf(system).catch(() => undefined);
    const lost = ids.filter((id) => found?.has(id) !== true).length;
    if (lost === 0) return 0;
    if (context.clock.now() > giveUpAt) {
      if (found === undefined) throw new Error('the workers did not come back after they were killed');
      return lost;
    }
  }
}

/** The ids of all records of the key. */
async function recordsOf({ url, key }: System): Promise<Set<string>> {
  const reply = await fetch(`${url}/v1/barcodes/export`, { headers: { authorization: `Bearer ${key}` } });
  const lines = (await reply.text()).trim().split('\n');
  if (reply.status !== 200) throw new Error(`the export was answered with ${reply.status}`);
  return new Set(lines.filter((line) => line !== '').map((line) => (JSON.parse(line) as { id: string }).id));
}

const pause = ({ clock }: LabContext, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimeout(resolve, ms));
