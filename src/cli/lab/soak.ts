import { type ProfileName, profileNames } from '../../lab/experiments/profiles.ts';
import type { WarmUp } from '../../lab/experiments/soak-windows.ts';
import { soak } from '../../lab/experiments/soak.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { runExperiment } from './experiment.ts';
import { readP99, readSystem, systemHelp, systemOptions } from './measured-system.ts';
import { type Options, readOptions } from '../options.ts';

const help = `usage: rampart lab soak [options]

Holds a steady load for an hour, with users who wait for their reply, and shows whether latency, memory or descriptors grow.
The run passes if errors stay below 1 %, no client times out, the targets hold, no latency drifts upward and no process
leaks. It ends at once, and is invalid, if the target disappears.

  --users N            users, each with one request in flight (20)
  --duration MINUTES   length of the run; fractions are allowed (60)
  --profile NAME       ${profileNames.join(', ')} (mixed); not with --mix slo
  --cycle-delay MS     pause between a reply and the user's next request (100)
  --window SECONDS     length of a window; 10 windows are needed after the warm-up (60, or a thirtieth of a shorter run)
  --warm-up MINUTES    time that is not judged for drift (a third of the run; for memory and descriptors at least 15)
  --p99 MS             target (that of createBarcode in the SLO file, or 500; none with --mix slo)
${systemHelp}  --json             the whole record on standard output
`;

const WINDOW_SECONDS = 60;
const WINDOWS = 30;
/** Judging a series compares each window with each. */
const MOST_WINDOWS = 2000;
const WARM_UP_SHARE = 1 / 3;
/** Until caches are full, of which the entries live for ten minutes by default, and heaps have grown around them. */
const PROCESSES_WARM_UP_SECONDS = 15 * 60;

/** `rampart lab soak`. */
export async function labSoak(args: string[], io: CommandIo): Promise<number> {
  const kinds = {
    users: 'value',
    duration: 'value',
    profile: 'value',
    'cycle-delay': 'value',
    window: 'value',
    'warm-up': 'value',
    p99: 'value',
  } as const;
  const options = readOptions(
    { command: 'lab soak', help, options: { ...systemOptions, ...kinds, json: 'flag' } },
    args,
    io,
  );
  if (options === undefined) return exitCodes.ok;
  const measured = readSystem(options, io);
  const seconds = options.number('duration', 60, 0.1, 100_000) * 60;
  const plan = {
    users: options.whole('users', 20, 1, 10_000),
    profile: readProfile(options, measured.slo !== undefined),
    cycleDelayMs: options.number('cycle-delay', 100, 0, 60_000),
    durationMs: seconds * 1000,
    windowMs: options.number('window', Math.min(WINDOW_SECONDS, seconds / WINDOWS), 0.2, 3600) * 1000,
    warmUp: readWarmUp(options, seconds),
    p99Ms: readP99(options, measured),
  };
  if (plan.durationMs / plan.windowMs > MOST_WINDOWS) {
    options.problem(`--window is too short for the duration: at most ${MOST_WINDOWS} windows can be judged`);
  }
  options.check();
  return runExperiment('soak', { io, json: options.flag('json') }, async (experiment) => {
    const { targets, resources } = measured;
    const system = await measured.start(experiment);
    const mix = measured.slo === undefined ? {} : { mix: await measured.mixFor(system, experiment.context) };
    return soak({ ...plan, ...mix, targets, resources, system }, experiment.context);
  });
}

function readWarmUp(options: Options, seconds: number): WarmUp {
  const given = options.text('warm-up') === undefined ? undefined : options.number('warm-up', 0, 0, seconds / 60) * 60;
  const latency = given ?? seconds * WARM_UP_SHARE;
  const processes = given ?? Math.max(latency, PROCESSES_WARM_UP_SECONDS);
  return { latencyMs: latency * 1000, processesMs: processes * 1000 };
}

function readProfile(options: Options, isSlo: boolean): ProfileName {
  if (isSlo && options.text('profile') !== undefined)
    options.problem("--profile is of Rampart's own requests: not with --mix slo");
  const text = options.text('profile') ?? 'mixed';
  const found = profileNames.find((name) => name === text);
  if (found === undefined) options.problem(`--profile must be one of ${profileNames.join(', ')}: got '${text}'`);
  return found ?? 'mixed';
}
