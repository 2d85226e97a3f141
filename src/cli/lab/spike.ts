import { spike } from '../../lab/experiments/spike.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { runExperiment } from './experiment.ts';
import { readSystem, systemHelp, systemOptions } from './measured-system.ts';
import { readOptions } from '../options.ts';

const help = `usage: rampart lab spike [options]

Adds a crowd of users within seconds, and removes it after a while. Users wait for their reply and, after a refusal, for as
long as Retry-After says. The run passes if the normal load meets its targets, no reply has a 5xx status other than 503,
every request gets a reply, p95 of admitted requests stays below twice that of the normal load, and returns to 1.5 times.

  --users N            users at the peak (100)
  --rise SECONDS       time in which the crowd arrives (10)
  --hold SECONDS       time for which the crowd stays (120)
  --normal N           users of the normal load, which lasts for the whole run (10)
  --baseline SECONDS   length of the normal load before the crowd (30)
  --recovery SECONDS   length of the normal load after the crowd (30)
  --cycle-delay MS     pause between a reply and the user's next request (0)
${systemHelp}  --json             the whole record on standard output
`;

/** `rampart lab spike`. */
export async function labSpike(args: string[], io: CommandIo): Promise<number> {
  const kinds = {
    users: 'value',
    rise: 'value',
    hold: 'value',
    normal: 'value',
    baseline: 'value',
    recovery: 'value',
    'cycle-delay': 'value',
  } as const;
  const options = readOptions(
    { command: 'lab spike', help, options: { ...systemOptions, ...kinds, json: 'flag' } },
    args,
    io,
  );
  if (options === undefined) return exitCodes.ok;
  const measured = readSystem(options, io);
  const plan = {
    peakUsers: options.whole('users', 100, 1, 10_000),
    normalUsers: options.whole('normal', 10, 1, 10_000),
    normalMs: options.number('baseline', 30, 1, 3600) * 1000,
    riseMs: options.number('rise', 10, 1, 3600) * 1000,
    holdMs: options.number('hold', 120, 1, 3600) * 1000,
    recoveryMs: options.number('recovery', 30, 1, 3600) * 1000,
    cycleDelayMs: options.number('cycle-delay', 0, 0, 60_000),
  };
  if (plan.peakUsers <= plan.normalUsers)
    options.problem(`--users must be more than --normal: got ${plan.peakUsers} and ${plan.normalUsers}`);
  options.check();
  return runExperiment('spike', { io, json: options.flag('json') }, async (experiment) => {
    const { targets, resources, spikeP95Factor: heldFactor } = measured;
    const system = await measured.start(experiment);
    const mix = await measured.mixFor(system, experiment.context);
    return spike({ ...plan, targets, resources, heldFactor, system, mix }, experiment.context);
  });
}
