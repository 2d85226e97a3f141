import { availableParallelism } from 'node:os';
import { prove } from '../../lab/experiments/prove.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { readOptions } from '../options.ts';
import { runExperiment } from './experiment.ts';

const help = `usage: rampart lab prove [options]

Proves that six generators carry six times the load of one: starts a topology with one generator of known capacity (4 slots
of 55 ms, 72.7 requests/s), one with six of them, and one with real barcodes; loads each with growing concurrency, and
confirms the best step. The run passes if the single generator serves 72 requests/s ± 5 %, the six serve 415 or more with p95
at most 82.5 ms, without an error or a refusal, and real barcodes reach four times the single capacity.

  --workers N   gateway workers of the scaled topology (processors, at most 6)
  --quick       a shorter form, under a minute: fewer steps, and short ones
  --json        the whole record on standard output
`;

const MOST_WORKERS = 6;

/** `rampart lab prove`. */
export async function labProve(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions(
    { command: 'lab prove', help, options: { workers: 'value', quick: 'flag', json: 'flag' } },
    args,
    io,
  );
  if (options === undefined) return exitCodes.ok;
  const workers = options.number('workers', Math.min(MOST_WORKERS, availableParallelism()), 1, 64);
  options.check();
  const quick = options.flag('quick');
  return runExperiment('prove', { io, json: options.flag('json') }, (experiment) =>
    prove({ quick, workers, start: (name, settings) => experiment.start(name, settings) }, experiment.context),
  );
}
