import { availableParallelism } from 'node:os';
import { relative, resolve } from 'node:path';
import { type Environment, variables } from '../../config/environment.ts';
import { systemClock } from '../../core/clock.ts';
import { tune } from '../../lab/experiments/tune.ts';
import { measuring } from '../../lab/experiments/tune-measure.ts';
import type { TuneOutcome } from '../../lab/experiments/tune-outcome.ts';
import { commit, machine } from '../../lab/report/provenance.ts';
import { combinations, type Configuration, type Grid, type Tunable, tunables } from '../../lab/tuning/configuration.ts';
import { tunedFile } from '../../lab/tuning/tuned-file.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { version } from '../version.ts';
import { runExperiment } from './experiment.ts';
import { type Options, readOptions } from '../options.ts';
import { kindOf, readOwnSettings } from './own-settings.ts';
import { refuseOptions, runningOptions, tuneRunning } from './tune-running.ts';
import { refusalToWrite, writeWhole } from './tuned-env.ts';

const help = `usage: rampart lab tune [options]

Searches the best of many configurations for this machine: measures all of them for a short time, the best third for three
times as long, and so on (successive halving). From the Pareto frontier of throughput, p99 and memory it chooses the highest
throughput within the targets, measures the gain of each change by itself, drops changes without a gain, and writes the
others to .env.tuned. The settings of the environment are always among the candidates.

  --instances 1,2,4    GENERATOR_INSTANCES to try (half the processors, as many, twice as many)
  --concurrency 2,4,8  GENERATOR_CONCURRENCY to try (2,4,8)
  --workers 1,2        GATEWAY_WORKERS to try (as it is)
  --queue 64,256       QUEUE_CAPACITY to try (64,256)
  --batch 50,200       LEDGER_BATCH_SIZE to try (50,200)
  --kind NAME          barcode or calibrated generators (as it is)
  --users N            users that wait for their reply (24)
  --p99 MS             target (300)
  --failed PERCENT     target: errors and refusals at most (1)
  --hold SECONDS       length of the first, shortest measurements (2)
  --repeats N          runs of each configuration in the final comparison, at least 3 (3)
  --out FILE           where to write (.env.tuned)
  --force              overwrite the file even if tune has not written it
  --quick              a shorter search of about a minute: the present concurrency and twice that, for a second each
  --json               the whole record on standard output

With --url it tries caps of a running Rampart through its admin API, and restores the present ones at the end:

  --url URL            the Rampart to load
  --admin-url URL      its admin API (ADMIN_HOST and ADMIN_PORT); gets ADMIN_TOKEN of the environment
  --upstream NAME      the upstream whose caps to try, each cap for all of its backends
  --caps 2,4,8         the caps to try; the present one is always among them
  --allow-changes      required, because the caps of the run also apply to other users of that Rampart
  --slo FILE, --mix, --key-file, --key, --insecure   as in rampart lab ramp
  --users, --p99, --failed, --repeats, --hold SECONDS (5)   as above
`;

const kinds = {
  instances: 'value',
  concurrency: 'value',
  workers: 'value',
  queue: 'value',
  batch: 'value',
  kind: 'value',
  users: 'value',
  p99: 'value',
  failed: 'value',
  hold: 'value',
  repeats: 'value',
  out: 'value',
  force: 'flag',
  quick: 'flag',
  json: 'flag',
  ...runningOptions,
} as const;

const optionOf: Readonly<Record<Tunable, keyof typeof kinds>> = {
  GENERATOR_INSTANCES: 'instances',
  GENERATOR_CONCURRENCY: 'concurrency',
  GATEWAY_WORKERS: 'workers',
  QUEUE_CAPACITY: 'queue',
  LEDGER_BATCH_SIZE: 'batch',
};

/** More would take hours. */
const MOST_CONFIGURATIONS = 243;

/** `rampart lab tune`. */
export async function labTune(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'lab tune', help, options: kinds }, args, io);
  if (options === undefined) return exitCodes.ok;
  if (options.text('url') !== undefined) return tuneRunning(options, io);
  refuseOptions(Object.keys(runningOptions), 'is for a Rampart that runs: it needs --url', options);
  const quick = options.flag('quick');
  const present = readPresent(options, io);
  const { baseline } = present;
  const timing = quick
    ? { hold: 1, settleMs: 800, attempts: { search: 1, final: 2 } }
    : { hold: 2, settleMs: 1500, attempts: { search: 2, final: 3 } };
  const plan = {
    ...present,
    grid: readGrid(options, baseline),
    users: options.whole('users', 24, 1, 10_000),
    targets: {
      p99Ms: options.number('p99', 300, 0.1, 60_000),
      maxFailedShare: options.number('failed', 1, 0, 100) / 100,
    },
    holdMs: options.number('hold', timing.hold, 0.5, 3600) * 1000,
    settleMs: timing.settleMs,
    attempts: timing.attempts,
    repeats: options.whole('repeats', 3, 3, 20),
  };
  checkCount(plan.grid, baseline, options);
  const out = resolve(io.folder, options.text('out') ?? '.env.tuned');
  const mayWrite = (): string | undefined => refusalToWrite(out, options.flag('force'));
  const refusal = mayWrite();
  if (refusal !== undefined) options.problem(`--out: ${out} ${refusal}`);
  options.check();
  return runExperiment('tune', { io, json: options.flag('json') }, async (experiment) => {
    const start = (name: string, settings: Readonly<Record<string, string>>) => experiment.start(name, settings);
    const measure = measuring(start, plan, experiment.context);
    const outcome = await tune(plan, measure, experiment.context);
    const said = await written(outcome, {
      out,
      refusal: mayWrite(),
      alreadySet: present.alreadySet,
      folder: io.folder,
    });
    return { ...outcome, findings: [...outcome.findings, said] };
  });
}

interface Present {
  readonly baseline: Configuration;
  readonly settings: Readonly<Record<string, string>>;
  readonly alreadySet: ReadonlySet<string>;
}

/** The settings as they are. */
function readPresent(options: Options, io: CommandIo): Present {
  const { tuned, others, values } = readOwnSettings(io, options, kindOf(options));
  const alreadySet = new Set(tunables.filter((name) => Object.hasOwn(tuned, name)));
  return { baseline: baselineOf(values), settings: others, alreadySet };
}

const baselineOf = (values: Environment): Configuration =>
  Object.fromEntries(tunables.map((name) => [name, values[name]])) as Record<Tunable, number>;

/** A gateway alone has no generators to tune. */
const atLeastOne = (text: string): ReturnType<typeof variables.GENERATOR_INSTANCES.parse> =>
  /^\d+$/.test(text) && Number(text) >= 1
    ? variables.GENERATOR_INSTANCES.parse(text)
    : { ok: false, expected: 'must be a whole number from 1 to 256' };

/** The values to try of each variable, the present one always among them. */
function readGrid(options: Options, baseline: Configuration): Grid {
  const byDefault = options.flag('quick') ? quickValues(baseline) : defaultValues();
  return Object.fromEntries(
    tunables.map((name) => {
      const text = options.text(optionOf[name]);
      const values = text === undefined ? (byDefault[name] ?? []) : readValues(name, text, options);
      return [name, [...new Set([...values, baseline[name]])].sort((left, right) => left - right)];
    }),
  ) as Record<Tunable, number[]>;
}

function defaultValues(): Partial<Record<Tunable, number[]>> {
  const processors = availableParallelism();
  return {
    GENERATOR_INSTANCES: [Math.ceil(processors / 2), processors, Math.min(256, 2 * processors)],
    GENERATOR_CONCURRENCY: [2, 4, 8],
    QUEUE_CAPACITY: [64, 256],
    LEDGER_BATCH_SIZE: [50, 200],
  };
}

const quickValues = ({ GENERATOR_CONCURRENCY: concurrency }: Configuration): Partial<Record<Tunable, number[]>> => ({
  GENERATOR_CONCURRENCY: [concurrency, Math.min(1024, 2 * concurrency)],
});

function readValues(name: Tunable, text: string, options: Options): number[] {
  return text.split(',').flatMap((part) => {
    const parsed = name === 'GENERATOR_INSTANCES' ? atLeastOne(part.trim()) : variables[name].parse(part.trim());
    if (parsed.ok) return parsed.value;
    options.problem(
      `--${optionOf[name]} takes values with commas between them, each of which ${parsed.expected}: got '${part}'`,
    );
    return [];
  });
}

function checkCount(grid: Grid, baseline: Configuration, options: Options): void {
  const count = combinations(grid, baseline).length;
  if (count > MOST_CONFIGURATIONS) {
    options.problem(`the values make ${count} configurations, and ${MOST_CONFIGURATIONS} are the most: name fewer`);
  }
  if (count === 1) options.problem('there is only the configuration as it is: name other values to try');
}

interface Destination {
  readonly out: string;
  readonly refusal: string | undefined;
  readonly alreadySet: ReadonlySet<string>;
  readonly folder: string;
}

/** Writes the file, and says so; nothing is written of a run that says nothing. */
async function written(
  { tuning, reasons }: TuneOutcome,
  { out, refusal, alreadySet, folder }: Destination,
): Promise<string> {
  if (reasons.length > 0) return `${out} was not written, as the run is invalid.`;
  if (refusal !== undefined) return `${out} ${refusal}.`;
  const { processors, memoryGiB, system, node } = machine();
  const within = relative(folder, out);
  const text = tunedFile({
    tuning,
    origin: [
      `${new Date(systemClock.wallNow()).toISOString()}, version ${version}, commit ${commit(import.meta.dirname)}`,
      `${processors}, ${memoryGiB.toFixed(1)} GiB, ${system}, Node ${node}`,
    ],
    alreadySet,
    path: within.startsWith('..') ? out : `./${within}`,
  });
  await writeWhole(out, text);
  return `Written to ${out}.`;
}
