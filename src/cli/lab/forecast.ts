import { systemClock } from '../../core/clock.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import { seededRandom } from '../../core/random.ts';
import { evidenceOf, type ForecastSource } from '../../lab/forecast/evidence.ts';
import { carriedRate, type Forecast, forecast, type ForecastQuestion } from '../../lab/forecast/forecast.ts';
import { forecastText } from '../../lab/forecast/forecast-text.ts';
import { liveEvidence } from '../../lab/forecast/live-evidence.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { type Options, readOptions } from '../options.ts';
import { verdictCodes } from './experiment.ts';
import { folderOfRun, readRun } from './report.ts';
import { readAdmin } from './tune-running.ts';

const help = `usage: rampart lab forecast RUN --rate N [options]
       rampart lab forecast --live --rate N --slots N [options]

Says how many generators and hosts a load needs, with the interval in which the number lies in 95 of 100 repetitions of the measurement,
and what one generator too few or too many costs. It reads a run of the lab (its folder, its name, or last), best one of ramp, or watches
the metrics of a Rampart that runs. It sends no load. docs/lab.md says how it calculates.

  --rate N             requests a second that are to be served
  --target-ms N        the quantile of the latency must be within this (150)
  --quantile NAME      p95 or p99 (p95)
  --slots N            requests that a generator works on at the same time (that of the run)
  --queue-timeout-ms N a request that waits longer is refused (1000)
  --have N             generators that there are: exit code 1 if the interval goes beyond them
  --live               read the metrics at --admin-url, else ADMIN_HOST and ADMIN_PORT; ADMIN_TOKEN is sent there
  --admin-url URL      for --live
  --insecure           for --live: take any certificate
  --seconds N          for --live: how long to watch (15)
  --json               print the figures as JSON
`;

const optionKinds = {
  rate: 'value',
  'target-ms': 'value',
  quantile: 'value',
  slots: 'value',
  'queue-timeout-ms': 'value',
  have: 'value',
  live: 'flag',
  'admin-url': 'value',
  insecure: 'flag',
  seconds: 'value',
  json: 'flag',
} as const;

/** `rampart lab forecast`. */
export async function labForecast(args: string[], io: CommandIo): Promise<number> {
  const operands = { least: 0, most: 1, what: 'the name or folder of a run' };
  const options = readOptions({ command: 'lab forecast', help, options: optionKinds, operands }, args, io);
  if (options === undefined) return exitCodes.ok;
  const asked = readQuestion(options);
  const have = options.whole('have', Number.MAX_SAFE_INTEGER, 1, Number.MAX_SAFE_INTEGER);
  const source = await readSource(options, asked, io);
  if (typeof source === 'string') {
    io.stderr.write(`rampart: cannot forecast: ${source}\n`);
    return verdictCodes.invalid;
  }
  const slots = options.has('slots') ? asked.slots : source.slots;
  if (slots === undefined)
    throw new UsageError(`${source.name} does not tell the slots of a generator: name them with --slots`);
  const question = { ...asked, slots };
  const found = forecast(source, question);
  const measured = source.generators ?? 1;
  const carried = { generators: measured, rate: carriedRate(measured, source, question) };
  const { random: _, ...shown } = question;
  if (options.flag('json'))
    io.stdout.write(`${JSON.stringify({ source: source.name, question: shown, forecast: found, carried })}\n`);
  else io.stdout.write(`${forecastText(source, question, found, carried)}\n`);
  return codeOf(found, have, io);
}

function codeOf({ generators }: Forecast, have: number, io: CommandIo): number {
  if (!Number.isFinite(generators.value)) {
    io.stderr.write('rampart: no number of generators meets the target, because a single request takes longer\n');
    return verdictCodes.failed;
  }
  return generators.high <= have ? verdictCodes.passed : verdictCodes.failed;
}

function readQuestion(options: Options): ForecastQuestion {
  if (!options.has('rate')) options.problem('--rate must name the requests a second that are to be served');
  return {
    rate: options.number('rate', 1, 0.001, 100_000_000),
    targetMs: options.number('target-ms', 150, 0.1, 600_000),
    quantile: options.oneOf('quantile', 'p95', ['p95', 'p99']),
    slots: options.whole('slots', 1, 1, 100_000),
    queueTimeoutMs: options.number('queue-timeout-ms', 1000, 0, 600_000),
    // The same run gives the same interval.
    random: seededRandom(1),
  };
}

async function readSource(
  options: Options,
  { quantile }: ForecastQuestion,
  io: CommandIo,
): Promise<ForecastSource | string> {
  const [run] = options.operands;
  const seconds = options.whole('seconds', 15, 2, 3600);
  if (options.flag('live') === (run !== undefined)) options.problem('name either a run or --live');
  for (const name of ['admin-url', 'insecure', 'seconds']) {
    if (options.has(name) && !options.flag('live')) options.problem(`--${name} needs --live`);
  }
  const admin = readAdmin(options, io);
  if (options.flag('live') && !options.has('slots'))
    options.problem('--slots must name the slots of a generator: metrics do not tell them');
  options.check();
  if (run !== undefined) return evidenceOf(await readRun(await folderOfRun(run, io)), quantile);
  if (admin === undefined) return 'there is no admin API to read';
  return liveEvidence(admin, { seconds, quantile, clock: systemClock }).catch(messageOf);
}
