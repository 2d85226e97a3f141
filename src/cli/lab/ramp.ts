import { ramp } from '../../lab/experiments/ramp.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { runExperiment } from './experiment.ts';
import { readSystem, systemHelp, systemOptions } from './measured-system.ts';
import { readOptions } from '../options.ts';

const help = `usage: rampart lab ramp [options]

Loads the system step by step, with Poisson arrivals: users do not wait for each other. Stops after a step of which a fifth
failed or was refused. The run passes if the targets hold at the load of the gate: the release gate.

  --from, --to, --by N   requests/s of the first step, of the last one, and between two steps (50, 500, 50)
  --hold SECONDS         length of a step (5)
  --gate N               load that must meet the targets, in requests/s (300)
${systemHelp}  --json             the whole record on standard output
`;

const MOST = 100_000;

/** `rampart lab ramp`. */
export async function labRamp(args: string[], io: CommandIo): Promise<number> {
  const kinds = {
    from: 'value',
    to: 'value',
    by: 'value',
    hold: 'value',
    gate: 'value',
    json: 'flag',
  } as const;
  const options = readOptions({ command: 'lab ramp', help, options: { ...systemOptions, ...kinds } }, args, io);
  if (options === undefined) return exitCodes.ok;
  const measured = readSystem(options, io);
  const load = {
    from: options.number('from', 50, 1, MOST),
    to: options.number('to', 500, 1, MOST),
    by: options.number('by', 50, 1, MOST),
    holdMs: options.number('hold', 5, 0.5, 3600) * 1000,
    gatePerSecond: options.number('gate', 300, 1, MOST),
  };
  if (load.to < load.from) options.problem(`--to must be at least --from: got ${load.to} and ${load.from}`);
  options.check();
  return runExperiment('ramp', { io, json: options.flag('json') }, async (experiment) => {
    const system = await measured.start(experiment);
    const mix = await measured.mixFor(system, experiment.context);
    const { resources, targets } = measured;
    return ramp({ ...load, targets, resources, system, mix }, experiment.context);
  });
}
