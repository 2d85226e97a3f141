import { systemClock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { seededRandom } from '../../core/random.ts';
import { canaryText } from '../../lab/canary/canary-text.ts';
import { judgeCanary } from '../../lab/canary/judge.ts';
import { type CanaryWindow, sidesIn, windowOf } from '../../lab/canary/sides.ts';
import type { AdminTarget } from '../../lab/system/admin-api.ts';
import { readMetrics } from '../../lab/system/read-metrics.ts';
import type { CommandIo } from '../io.ts';
import type { Options } from '../options.ts';
import { verdictCodes } from './experiment.ts';
import { readAdmin } from './tune-running.ts';

/** Options of the other forms of the command. They describe a load, and this form sends none. */
const LOAD_OPTIONS = [
  'a',
  'b',
  'a-build',
  'b-build',
  'a-url',
  'b-url',
  'slo',
  'mix',
  'connections',
  'throughput',
  'key',
  'key-file',
];

/** `rampart lab compare --canary UPSTREAM`: compares one side of a route with the others by their live traffic. */
export async function labCanary(options: Options, io: CommandIo): Promise<number> {
  const upstream = options.text('canary') ?? '';
  for (const name of LOAD_OPTIONS)
    if (options.has(name)) options.problem(`--${name} does not go with --canary, which sends no load`);
  const plan = {
    windows: options.whole('runs', 10, 4, 1000),
    holdMs: options.number('hold', 4, 0.5, 3600) * 1000,
    p95Share: options.number('p95', 5, 0, 100) / 100,
  };
  const admin = readAdmin(options, io);
  options.check();
  if (admin === undefined) return verdictCodes.invalid;
  try {
    const endpoint = await endpointOf(admin, upstream, options.text('endpoint'));
    const windows = await watch(admin, { ...plan, endpoint, upstream }, io);
    const judgement = judgeCanary(windows, { p95Share: plan.p95Share, random: seededRandom(1) });
    io.stdout.write(
      options.flag('json')
        ? `${JSON.stringify({ endpoint, upstream, judgement, windows })}\n`
        : canaryText(endpoint, upstream, judgement),
    );
    return verdictCodes[judgement.verdict];
  } catch (error) {
    io.stderr.write(`rampart: cannot compare the sides: ${messageOf(error)}\n`);
    return verdictCodes.invalid;
  }
}

/** The endpoint whose requests this upstream shares with others. */
async function endpointOf(admin: AdminTarget, upstream: string, asked: string | undefined): Promise<string> {
  const sides = sidesIn(await readMetrics(admin));
  const shared = [...sides].filter(([, names]) => names.has(upstream) && names.size > 1).map(([endpoint]) => endpoint);
  const known = [...sides].map(([endpoint, names]) => `${endpoint} (${[...names].join(', ')})`).join('; ');
  if (asked !== undefined && !shared.includes(asked))
    throw new Error(
      `the endpoint ${asked} has no requests of ${upstream} and of another upstream at ${admin.url}; it has ${known || 'none with several upstreams'}`,
    );
  if (asked !== undefined) return asked;
  const [only, another] = shared;
  if (only === undefined)
    throw new Error(
      `no endpoint at ${admin.url} shares its requests between ${upstream} and another upstream; there are ${known || 'none with several upstreams'}`,
    );
  if (another !== undefined)
    throw new Error(`${upstream} is a side of ${shared.join(', ')}: name one of them with --endpoint`);
  return only;
}

interface WatchPlan {
  readonly endpoint: string;
  readonly upstream: string;
  readonly windows: number;
  readonly holdMs: number;
}

/** Reads the metrics at the ends of each window. */
async function watch(admin: AdminTarget, plan: WatchPlan, io: CommandIo): Promise<CanaryWindow[]> {
  const { endpoint, upstream, windows, holdMs } = plan;
  const found: CanaryWindow[] = [];
  let before = await readMetrics(admin);
  while (found.length < windows) {
    await new Promise<void>((resolve) => void systemClock.setTimeout(resolve, holdMs));
    const after = await readMetrics(admin);
    const window = windowOf(before, after, endpoint, upstream);
    found.push(window);
    before = after;
    const side = ({ requests, p95Ms }: CanaryWindow['rest']): string =>
      `${requests} requests, p95 ${p95Ms.toFixed(1)} ms`;
    io.stderr.write(
      `  ${found.length} of ${windows}: ${upstream} ${side(window.canary)}; the others ${side(window.rest)}\n`,
    );
  }
  return found;
}
