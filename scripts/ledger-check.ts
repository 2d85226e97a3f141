// npm run ledger:check [-- wal|sync|memory] [faults]: is each record whose reply was received in PostgreSQL exactly once, after so many
// faults at random moments under load: kill -9 of each process, a PostgreSQL that stops, hangs or has its table locked, a full disk? Exit code 1 if not. Starts and stops a Rampart of its own.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../src/core/random.ts';
import { findEmbeddedPostgres } from '../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../src/store/embedded/postmaster.ts';
import { endProcess, type Stack, startStack, stackSettings } from '../test/support/stack.ts';
import { barcodeOf, startSteadyClient } from '../test/support/steady-client.ts';
import { exactlyOnce, isSound, type LoggedRequest, type StoredRow } from './ledger/exactly-once.ts';
import { misfortunes, strike } from './ledger/nemesis.ts';
import { smallDisk } from './ledger/small-disk.ts';

const PER_SECOND = 120;
const DRAIN_LIMIT_MS = 30_000;
const [mode = 'wal', killsText = '20'] = process.argv.slice(2);
const kills = Number(killsText);
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const random = seededRandom(seed);

console.log(`LEDGER_DURABILITY=${mode}, ${kills} faults at ${PER_SECOND} requests/s, SEED=${seed}`);
const settings = await stackSettings({ LEDGER_DURABILITY: mode });
const disk = smallDisk(join(settings['RAMPART_DATA_DIR'] as string, 'ledger'));
const stack = await startStack(settings);
try {
  const load = startLoad(stack);
  for (let index = 0; index < kills; index++) {
    await pause(300 + random() * 1200);
    const startedAt = performance.now();
    const before = load.log.length;
    const done = await strike(
      { stack, random, ledgerFolder: disk?.folder },
      misfortunes[index % misfortunes.length] ?? 'worker',
    );
    console.log(
      `${done}, over after ${((performance.now() - startedAt) / 1000).toFixed(1)} s; meanwhile ${outcomesOf(load.log.slice(before))}`,
    );
  }
  const log = await load.stop();
  const verdict = exactlyOnce(log, await drainedRows(stack, log));
  const count = (status: (status: number) => boolean): number => log.filter((one) => status(one.status)).length;
  console.log(
    `${log.length} requests: ${count((status) => status === 201)} with 201, ${count((status) => status >= 400)} refused, ${count((status) => status === 0)} without a reply`,
  );
  for (const name of ['missing', 'twice', 'refused', 'unknown'] as const)
    console.log(`${name}: ${verdict[name].length} ${verdict[name].slice(0, 3).join(', ')}`);
  console.log(`stored without a reply: ${verdict.unanswered}`);
  console.log(isSound(verdict) ? 'exactly once: yes' : 'exactly once: NO');
  process.exitCode = isSound(verdict) ? 0 : 1;
} finally {
  await endProcess(stack.supervisor, 'SIGINT');
  disk?.unmount();
  rmSync(stack.dataDir, { recursive: true, force: true });
}

/** How many requests ended in which way. */
function outcomesOf(requests: readonly LoggedRequest[]): string {
  const groups = Map.groupBy(requests, ({ status }) => (status === 0 ? 'no reply' : String(status)));
  return [...groups].map(([what, { length }]) => `${length} ${what}`).join(', ') || 'no request ended';
}

function startLoad({ url, key }: Stack): { readonly log: readonly LoggedRequest[]; stop(): Promise<LoggedRequest[]> } {
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
async function drainedRows({ dataDir, metrics }: Stack, log: readonly LoggedRequest[]): Promise<StoredRow[]> {
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
  console.log(`${rows.length} rows for ${log.length} requests`);
  return rows.map((row) => ({
    id: String(row['id']),
    text: String(row['text']),
    isAborted: row['status'] === 'aborted',
  }));
}
