import { capacity } from '../../lab/experiments/capacity.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { runExperiment } from './experiment.ts';
import { readSystem, systemHelp, systemOptions } from './measured-system.ts';
import { readOptions } from '../options.ts';

const help = `usage: rampart lab capacity [options]

Searches the highest load at which the targets hold, to within 3 %: grows the load by half until they fail, then bisects.
Two longer probes decide: one at the result confirms it, one 5 % above refutes more. Arrivals are Poisson: users do not
wait for each other.

  --guess N          first load, in requests/s (100)
  --hold SECONDS     length of a probe (5)
  --confirm SECONDS  length of the two probes that decide (15)
  --probes N         most probes before the search gives up (30)
  --gate N           capacity that the run needs to pass, in requests/s (none)
${systemHelp}  --json             the whole record on standard output
`;

const MOST = 100_000;

/** `rampart lab capacity`. */
export async function labCapacity(args: string[], io: CommandIo): Promise<number> {
  const kinds = {
    guess: 'value',
    hold: 'value',
    confirm: 'value',
    probes: 'value',
    gate: 'value',
  } as const;
  const options = readOptions(
    { command: 'lab capacity', help, options: { ...systemOptions, ...kinds, json: 'flag' } },
    args,
    io,
  );
  if (options === undefined) return exitCodes.ok;
  const measured = readSystem(options, io);
  const search = {
    guess: options.number('guess', 100, 1, MOST),
    holdMs: options.number('hold', 5, 0.5, 3600) * 1000,
    confirmMs: options.number('confirm', 15, 0.5, 3600) * 1000,
    maxProbes: options.number('probes', 30, 3, 1000),
    gatePerSecond: options.number('gate', 0, 0, MOST),
  };
  options.check();
  return runExperiment('capacity', { io, json: options.flag('json') }, async (experiment) => {
    const system = await measured.start(experiment);
    const mix = await measured.mixFor(system, experiment.context);
    const { resources, targets } = measured;
    return capacity({ ...search, targets, resources, system, mix }, experiment.context);
  });
}
