// npm run ledger:check [-- wal|sync|memory] [faults]: is each record whose reply was received in PostgreSQL exactly once, after so many
// faults at random moments under load: kill -9 of each process, a PostgreSQL that stops, hangs or has its table locked, a full disk?
// Exit code 1 if not. Starts and stops a Rampart of its own.
import { checkLedger, PER_SECOND } from './ledger/check.ts';
import { isSound } from './ledger/exactly-once.ts';
import { misfortunes } from './ledger/nemesis.ts';

const [mode = 'wal', countText = '20'] = process.argv.slice(2);
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const faults = Array.from(
  { length: Number(countText) },
  (_, index) => misfortunes[index % misfortunes.length] ?? 'worker',
);

console.log(`LEDGER_DURABILITY=${mode}, ${faults.length} faults at ${PER_SECOND} requests/s, SEED=${seed}`);
const { log, verdict } = await checkLedger({ mode, faults, seed, say: (line) => console.log(line) });
const count = (status: (status: number) => boolean): number => log.filter((one) => status(one.status)).length;
console.log(
  `${log.length} requests: ${count((status) => status === 201)} with 201, ${count((status) => status >= 400)} refused, ${count((status) => status === 0)} without a reply`,
);
for (const name of ['missing', 'twice', 'refused', 'unknown'] as const)
  console.log(`${name}: ${verdict[name].length} ${verdict[name].slice(0, 3).join(', ')}`);
console.log(`stored without a reply: ${verdict.unanswered}`);
console.log(isSound(verdict) ? 'exactly once: yes' : 'exactly once: NO');
process.exitCode = isSound(verdict) ? 0 : 1;
