import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../../src/core/random.ts';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { endProcess, type Stack, startStack, stackSettings } from '../../test/support/stack.ts';
import { barcodeOf, startSteadyClient } from '../../test/support/steady-client.ts';
import { exactlyOnce, type LoggedRequest, type StoredRow, type Verdict } from './exactly-once.ts';
import { type Misfortune, strike } from './nemesis.ts';
import { smallDisk } from './small-disk.ts';

export const PER_SECOND = 120;
const DRAIN_LIMIT_MS = 30_000;

export interface LedgerCheck {
  /** LEDGER_DURABILITY. */
  readonly mode: string;
  /** The faults, one after the other. */
  readonly faults: readonly Misfortune[];
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface LedgerCheckResult {
  readonly log: readonly LoggedRequest[];
  readonly verdict: Verdict;
}

/** Lets things go wrong in a Rampart of its own under load, and compares what clients were told with what is stored. */
export async function checkLedger({ mode, faults, seed, say }: LedgerCheck): Promise<LedgerCheckResult> {
  const random = seededRandom(seed);
  const settings = await stackSettings({ LEDGER_DURABILITY: mode });
  const disk = smallDisk(join(settings['RAMPART_DATA_DIR'] as string, 'ledger'));
  const stack = await startStack(settings);
  try {
    const load = startLoad(stack, seed);
    for (const fault of faults) {
      await pause(300 + random() * 1200);
      const startedAt = performance.now();
      const before = load.log.length;
      const done = await strike({ stack, random, ledgerFolder: disk?.folder }, fault);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      say(`${done}, over after ${seconds} s; meanwhile ${outcomesOf(load.log.slice(before))}`);
    }
    const log = await load.stop();
    const rows = await drainedRows(stack, seed);
    say(`${rows.length} rows for ${log.length} requests`);
    return { log, verdict: exactlyOnce(log, rows) };
  } finally {
    await endProcess(stack.supervisor, 'SIGINT');
    disk?.unmount();
    rmSync(stack.dataDir, { recursive: true, force: true });
  }
}

/** How many requests ended in which way. */
function outcomesOf(requests: readonly LoggedRequest[]): string {
  const groups = Map.groupBy(requests, ({ status }) => (status === 0 ? 'no reply' : String(status)));
  return [...groups].map(([what, { length }]) => `${length} ${what}`).join(', ') || 'no request ended';
}

function startLoad(
  { url, key }: Stack,
  seed: number,
): { readonly log: readonly LoggedRequest[]; stop(): Promise<LoggedRequest[]> } {
  const log: LoggedRequest[] = [];
  const textOf = (index: number): string => `request ${index} of run ${seed}`;
  const client = startSteadyClient({
    url,
    key,
    perSecond: PER_SECOND,
    keepAlive: true,
    body: (index) => barcodeOf(textOf(index)),
    onOutcome: (index, outcome, location) =>
      log.push({
        text: textOf(index),
        status: outcome.startsWith('error:') ? 0 : Number(outcome),
        id: location?.split('/').at(-1),
      }),
  });
  return { log, stop: () => client.stop().then(() => log) };
}

/** The rows, once no record is on its way any more. */
async function drainedRows({ dataDir, metrics }: Stack, seed: number): Promise<StoredRow[]> {
  const startedAt = performance.now();
  while (!/^rampart_ledger_pending 0$/m.test(await metrics())) {
    if (performance.now() - startedAt > DRAIN_LIMIT_MS) break;
    await pause(200);
  }
  // Orphans of the last victim are taken over within two seconds.
  await pause(4_000);
  const url = (await findEmbeddedPostgres(dataDir))?.url ?? '';
  const rows = await queryOnce(
    url,
    `SELECT id::text AS id, text, status FROM barcodes WHERE text LIKE '%of run ${seed}'`,
  );
  return rows.map((row) => ({
    id: String(row['id']),
    text: String(row['text']),
    isAborted: row['status'] === 'aborted',
  }));
}
