import { describeMix } from '../../lab/experiments/slo-mix.ts';
import { type LabContext, runStep, type Step } from '../../lab/experiments/step.ts';
import { stepLine } from '../../lab/experiments/sweep.ts';
import { tuneCaps } from '../../lab/experiments/tune-caps.ts';
import type { Mix } from '../../lab/load/mix.ts';
import { type AdminStatus, type AdminTarget, type BackendCap, readStatus, setCap } from '../../lab/system/admin-api.ts';
import type { System } from '../../lab/system/system.ts';
import { messageOf } from '../../core/errors.ts';
import { hostInUrl } from '../../core/host.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { runExperiment } from './experiment.ts';
import { mixOf, startRunning } from './measured-system.ts';
import type { Options } from '../options.ts';
import { checkUrl, readRunning } from './running-option.ts';
import { readSlo, wantsSloMix } from './slo-option.ts';

const MOST_CAPS = 12;
const MOST_CAP = 100_000;
/** Long enough for leases to follow a cap and for the queue of the cap before to end. */
const SETTLE_MS = 1500;

/** The options of `lab tune` that belong to a system that runs. */
export const runningOptions = {
  url: 'value',
  'admin-url': 'value',
  upstream: 'value',
  caps: 'value',
  'allow-changes': 'flag',
  'key-file': 'value',
  key: 'value',
  insecure: 'flag',
  mix: 'value',
  slo: 'value',
} as const;

/** The options of `lab tune` that belong to a Rampart that the lab starts. */
const ownOptions = ['instances', 'concurrency', 'workers', 'queue', 'batch', 'kind', 'out', 'force', 'quick'];

/** Names each option that was given although it belongs to the other form of the command. */
export function refuseOptions(names: readonly string[], reason: string, options: Options): void {
  for (const name of names) {
    if (options.text(name) !== undefined) options.problem(`--${name} ${reason}`);
  }
}

/** `rampart lab tune --url`: tries caps of a Rampart that runs, and puts back what was there. */
export async function tuneRunning(options: Options, io: CommandIo): Promise<number> {
  const running = readRunning(options, io);
  const admin = readAdmin(options, io);
  const file = readSlo(options, io);
  const slo = wantsSloMix(options, file) ? file.loaded : undefined;
  refuseOptions(ownOptions, 'is for a Rampart that the lab starts: not with --url', options);
  const upstream = options.text('upstream');
  if (upstream === undefined) options.problem('--upstream must name the upstream whose caps are to be tried');
  const caps = readCaps(options);
  const plan = {
    users: options.whole('users', 24, 1, 10_000),
    targets: {
      p99Ms: options.number('p99', 300, 0.1, 60_000),
      maxFailedShare: options.number('failed', 1, 0, 100) / 100,
    },
    holdMs: options.number('hold', 5, 0.5, 3600) * 1000,
    settleMs: SETTLE_MS,
    repeats: options.whole('repeats', 3, 3, 20),
  };
  if (!options.flag('allow-changes')) {
    options.problem(
      '--allow-changes must be given: this changes the caps of a Rampart that others may be using, for the time of the run',
    );
  }
  options.check();
  if (running === undefined || admin === undefined || upstream === undefined) return exitCodes.usage;
  return runExperiment('tune', { io, json: options.flag('json') }, async (experiment) => {
    const { context } = experiment;
    const about = await readStatus(admin);
    const present = capsOf(about, upstream, admin);
    const target = { ...(await startRunning(running, slo, io)), about };
    const system = await experiment.own(Promise.resolve(restoring(target, { admin, present, io })));
    const mix = await mixOf(slo)(system, context);
    const [{ cap: baseline }] = present;
    const candidates = [...new Set([...caps, baseline])].sort((left, right) => left - right);
    const measure = measuring({ admin, upstream, system, mix, ...plan }, context);
    return tuneCaps({ ...plan, upstream, baseline, caps: candidates, scenario: describeMix(mix) }, measure, context);
  });
}

/** The admin API that the options or the environment name. */
export function readAdmin(options: Options, io: CommandIo): AdminTarget | undefined {
  const { ADMIN_HOST: host = '127.0.0.1', ADMIN_PORT: port = '8081', ADMIN_TOKEN: token } = io.env;
  const url = options.text('admin-url') ?? `http://${hostInUrl(host)}:${port}`;
  if (!checkUrl('admin-url', url, options)) return undefined;
  return { url: new URL(url).origin, token, insecure: options.flag('insecure') };
}

function readCaps(options: Options): number[] {
  const text = options.text('caps');
  if (text === undefined) {
    options.problem('--caps must name the caps to try, with commas between them, such as 2,4,8,16');
    return [];
  }
  const caps = text.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  if (caps.length > MOST_CAPS || caps.some((cap) => !(cap >= 1 && cap <= MOST_CAP))) {
    options.problem(`--caps takes up to ${MOST_CAPS} whole numbers from 1 to ${MOST_CAP}: got '${text}'`);
  }
  return caps;
}

/** The caps of the upstream's backends. Throws where there is no such upstream, or where they differ. */
function capsOf({ caps }: AdminStatus, upstream: string, admin: AdminTarget): [BackendCap, ...BackendCap[]] {
  const [first, ...others] = caps.filter((each) => each.upstream === upstream);
  if (first === undefined) {
    const names = [...new Set(caps.map((each) => each.upstream))].join(', ');
    throw new Error(`there is no upstream '${upstream}' at ${admin.url}: it has ${names === '' ? 'none' : names}`);
  }
  if (others.some(({ cap }) => cap !== first.cap)) {
    const each = [first, ...others].map(({ backend, cap }) => `${backend} ${cap}`).join(', ');
    throw new Error(
      `the backends of ${upstream} have different caps (${each}), and tune tries one cap for all: set them to the same cap with POST ${admin.url}/api/cap`,
    );
  }
  return [first, ...others];
}

interface Restoring {
  readonly admin: AdminTarget;
  readonly present: readonly BackendCap[];
  readonly io: CommandIo;
}

/** The system, whose caps are put back when the run ends, whatever ends it. */
function restoring(system: System, { admin, present, io }: Restoring): System {
  let restored: Promise<void> | undefined;
  const restore = async (): Promise<void> => {
    for (const { upstream, backend, cap } of present) {
      await setCap(admin, { upstream, backend, cap }).catch((error: unknown) => {
        io.stderr.write(
          `rampart: the cap of ${backend} could not be set back to ${cap}: ${messageOf(error)}. Do it with POST ${admin.url}/api/cap\n`,
        );
      });
    }
    await system.stop();
  };
  return { ...system, stop: () => (restored ??= restore()) };
}

interface Measuring {
  readonly admin: AdminTarget;
  readonly upstream: string;
  readonly system: System;
  readonly mix: Mix;
  readonly users: number;
  readonly holdMs: number;
  readonly targets: { readonly p99Ms: number };
}

const ATTEMPTS = 2;

function measuring(of: Measuring, context: LabContext): (cap: number) => Promise<Step> {
  const { admin, upstream, system, mix, users, holdMs, targets } = of;
  return async (cap) => {
    await setCap(admin, { upstream, cap });
    const plan = { kind: 'closed', connections: users, cycleDelayMs: 0, durationMs: SETTLE_MS + holdMs } as const;
    const options = { system, mix, plan, settleMs: SETTLE_MS, targetMs: targets.p99Ms, attempts: ATTEMPTS };
    const step = await runStep(options, context);
    context.say(`  cap ${cap}: ${stepLine(step)}`);
    return step;
  };
}
