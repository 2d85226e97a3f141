import { ingest } from '../../lab/experiments/ingest.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { readOptions } from '../options.ts';
import { runExperiment } from './experiment.ts';

const help = `usage: rampart lab ingest [options]

Measures how fast batches are accepted (POST /v1/batches; nothing is made of them) with reads by id beside them: at growing
rates, with more workers, larger batches and longer queues, one at a time; then a million items as fast as they are accepted,
several times; then each mode of the ledger, with what it loses when every gateway worker is killed. The run passes at 50,000
items a second, reads with a p99 of 20 ms, 2 GiB of memory, and runs within 5 %.

  --items N            items of a sustained run (1000000)
  --runs N             sustained runs (5)
  --rates LIST         items a second that are offered (10000,50000,100000,200000); 0: this part is left out
  --workers LIST       gateway workers (1,2,4)
  --batches LIST       items in a request (10,100,1000)
  --queues LIST        items that may wait in the sender (1000,10000,100000)
  --hold SECONDS       length of a step (5)
  --durabilities LIST  modes of the ledger (memory,wal,sync); none: this part is left out
  --ledger-batches LIST  values of LEDGER_BATCH_SIZE (10,100,500)
  --json               the whole record on standard output
`;

const modes = ['memory', 'wal', 'sync'] as const;

/** `rampart lab ingest`. */
export async function labIngest(args: string[], io: CommandIo): Promise<number> {
  const kinds = {
    items: 'value',
    runs: 'value',
    rates: 'value',
    workers: 'value',
    batches: 'value',
    queues: 'value',
    hold: 'value',
    durabilities: 'value',
    'ledger-batches': 'value',
    json: 'flag',
  } as const;
  const options = readOptions({ command: 'lab ingest', help, options: kinds }, args, io);
  if (options === undefined) return exitCodes.ok;
  const rates =
    options.text('rates') === '0' ? [] : options.wholes('rates', [10_000, 50_000, 100_000, 200_000], 1, 10_000_000);
  const plan = {
    rates,
    workers: options.wholes('workers', [1, 2, 4], 1, 64),
    batches: options.wholes('batches', [10, 100, 1000], 1, 100_000),
    queues: options.wholes('queues', [1000, 10_000, 100_000], 1, 10_000_000),
    holdMs: options.number('hold', 5, 0.5, 600) * 1000,
    items: options.whole('items', 1_000_000, 1, 100_000_000),
    runs: options.whole('runs', 5, 1, 100),
    durabilities: options.text('durabilities') === 'none' ? [] : options.listOf('durabilities', modes, modes),
    ledgerBatches: options.wholes('ledger-batches', [10, 100, 500], 1, 10_000),
  };
  options.check();
  return runExperiment('ingest', { io, json: options.flag('json') }, (experiment) => {
    const start = (name: string, settings: Readonly<Record<string, string>>) => experiment.start(name, settings);
    return ingest({ ...plan, start }, experiment.context);
  });
}
