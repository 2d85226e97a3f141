import { seededRandom } from '../../src/core/random.ts';
import type { CauseId } from '../../src/policy/verdict/causes.ts';
import { HostModel, type HostTruth, soundBackend, soundHost, soundWorker } from './host-model.ts';

/** Something wrong that is planted into a sound host. */
export interface Scenario {
  readonly name: string;
  /** The causes that name it; more than one where two words describe the same. */
  readonly causes: readonly CauseId[];
  readonly sound: HostTruth;
  readonly planted: Partial<HostTruth>;
}

const SOUND_SECONDS = 40;
const LOOKED_SECONDS = 20;
/** Users are harmed in a second if this share of their requests is. */
const HARM = 0.01;

/** What the verdict said of a scenario. */
export interface Judged {
  readonly scenario: Scenario;
  /** Seconds from the first bad one to the right cause; undefined if it never came. */
  readonly afterSeconds: number | undefined;
  /** What was said instead, or beside it. */
  readonly said: string;
  /** Seconds before anything was planted in which the host was not well. */
  readonly falseAlarms: number;
}

/** Runs a scenario: 40 s sound, then 20 s with what is planted. */
export function judged(scenario: Scenario, seed: number): Judged {
  const model = new HostModel(seededRandom(seed));
  let falseAlarms = 0;
  for (let second = 0; second < SOUND_SECONDS; second++) {
    const { verdict } = model.second(scenario.sound);
    if (second >= 5 && verdict.state !== 'well') falseAlarms++;
  }
  let firstBad: number | undefined;
  let said = '';
  for (let second = 0; second < LOOKED_SECONDS; second++) {
    const { verdict, harm } = model.second({ ...scenario.sound, ...scenario.planted });
    // A fault that harms nobody counts from the moment at which it is there.
    if (harm >= HARM || !harmsUsers(scenario)) firstBad ??= second;
    if (verdict.causeId !== 'none') said ||= `${verdict.state}: ${verdict.cause}`;
    if ((scenario.causes as readonly string[]).includes(verdict.causeId)) {
      return {
        scenario,
        afterSeconds: Math.max(0, second - (firstBad ?? second)),
        said: `${verdict.state}: ${verdict.cause}`,
        falseAlarms,
      };
    }
  }
  return { scenario, afterSeconds: undefined, said, falseAlarms };
}

/** Whether it is the load, or what serves it, that is planted. */
const harmsUsers = ({ planted }: Scenario): boolean =>
  planted.perSecond !== undefined ||
  planted.workMs !== undefined ||
  planted.processors !== undefined ||
  planted.foreignProcessors !== undefined ||
  planted.patienceMs !== undefined;

/** A host of this many backends and permits that runs at a part of what it carries. */
function hostOf(
  backends: number,
  cap: number,
  workMs: number,
  part: number,
  others: Partial<HostTruth> = {},
): HostTruth {
  return {
    ...soundHost,
    backends: Array.from({ length: backends }, () => soundBackend),
    cap,
    workMs,
    perSecond: (part * backends * cap * 1000) / workMs,
    ...others,
  };
}

const capacityOf = ({ backends, cap, workMs }: HostTruth): number => (backends.length * cap * 1000) / workMs;

function tooMuchFor(backends: number, cap: number, workMs: number, factor: number, law: HostTruth['law']): Scenario {
  const sound = hostOf(backends, cap, workMs, 0.6, { law, processorMs: 0.5 });
  return {
    name: `permits: ${backends} × ${cap} at ${workMs} ms ${law}, ${factor} × of what they carry`,
    causes: ['permits'],
    sound,
    planted: { perSecond: factor * capacityOf(sound) },
  };
}

function grownWork(backends: number, cap: number, factor: number): Scenario {
  const sound = hostOf(backends, cap, 50, 0.7, { processorMs: 0.5 });
  return {
    name: `work: ${backends} × ${cap}, each request takes ${factor} × as long`,
    causes: ['work-grew'],
    sound,
    planted: { workMs: 50 * factor },
  };
}

function fewProcessors(processors: number, factor: number): Scenario {
  const sound = hostOf(4, 8, 40, 0, {
    processorMs: 30,
    processors,
    perSecond: (0.5 * processors * 1000) / 30,
    foreignProcessors: 0.05,
  });
  return {
    name: `processors: ${processors}, work for ${factor} × of them`,
    causes: ['processors'],
    sound,
    planted: { perSecond: (factor * processors * 1000) / 30 },
  };
}

function otherPrograms(processors: number, taken: number): Scenario {
  const sound = hostOf(4, 8, 40, 0, {
    processorMs: 30,
    processors,
    perSecond: (0.7 * processors * 1000) / 30,
    foreignProcessors: 0.05,
  });
  return {
    name: `other programs: ${taken} threads on ${processors} processors`,
    causes: ['other-programs'],
    sound,
    planted: { foreignProcessors: taken },
  };
}

function impatient(patienceMs: number, workMs: number): Scenario {
  const sound = hostOf(4, 8, 50, 0.5, { processorMs: 0.5 });
  return {
    name: `clients that wait ${patienceMs} ms for work of ${workMs} ms`,
    causes: ['clients-leave'],
    sound,
    planted: { patienceMs, workMs, perSecond: (0.5 * 32_000) / Math.max(workMs, 50) },
  };
}

function fewWorkers(workers: number): Scenario {
  const sound = hostOf(8, 64, 20, 0, {
    processorMs: 0.05,
    gatewayMs: 2,
    perSecond: workers * 200,
    workers: Array.from({ length: workers }, () => soundWorker),
    wantedWorkers: workers,
  });
  return {
    name: `gateway: ${workers} workers, each a whole processor`,
    causes: ['gateway-processors'],
    sound,
    planted: { perSecond: workers * 520 },
  };
}

export const bottlenecks: readonly Scenario[] = [
  tooMuchFor(1, 1, 55, 1.5, 'deterministic'),
  tooMuchFor(1, 4, 55, 1.3, 'deterministic'),
  tooMuchFor(1, 8, 20, 2, 'exponential'),
  tooMuchFor(2, 4, 55, 1.2, 'exponential'),
  tooMuchFor(4, 4, 55, 1.2, 'deterministic'),
  tooMuchFor(4, 8, 55, 1.5, 'exponential'),
  tooMuchFor(4, 16, 100, 2, 'exponential'),
  tooMuchFor(8, 8, 200, 1.3, 'deterministic'),
  tooMuchFor(8, 4, 30, 3, 'exponential'),
  tooMuchFor(2, 32, 300, 1.5, 'exponential'),
  grownWork(4, 8, 2),
  grownWork(4, 8, 3),
  grownWork(2, 4, 2.5),
  grownWork(8, 2, 4),
  grownWork(1, 16, 2),
  grownWork(8, 8, 6),
  fewProcessors(2, 1.5),
  fewProcessors(2, 3),
  fewProcessors(4, 1.4),
  fewProcessors(4, 2),
  fewProcessors(8, 1.5),
  otherPrograms(2, 20),
  otherPrograms(4, 32),
  otherPrograms(8, 64),
  impatient(100, 200),
  impatient(300, 1000),
  impatient(50, 400),
  fewWorkers(1),
  fewWorkers(2),
  {
    name: 'database: every connection busy, calls wait',
    causes: ['database-pool'],
    sound: soundHost,
    planted: { poolBusy: 10, poolWaiting: 12 },
  },
];

const [, second, third, fourth] = soundHost.backends;
const others = [second ?? soundBackend, third ?? soundBackend, fourth ?? soundBackend];
const fault = (
  name: string,
  causes: readonly CauseId[],
  planted: Partial<HostTruth>,
  sound: HostTruth = soundHost,
): Scenario => ({ name, causes, sound, planted });
const busy: HostTruth = { ...soundHost, perSecond: 480 };

export const faults: readonly Scenario[] = [
  fault('one backend of four is down', ['backend-down'], { backends: [{ ...soundBackend, isUp: false }, ...others] }),
  fault(
    'one backend of four is down, the others cannot carry it',
    ['backend-down'],
    { backends: [{ ...soundBackend, isUp: false }, ...others] },
    busy,
  ),
  fault('every backend is down', ['upstream-down'], {
    backends: soundHost.backends.map((one) => ({ ...one, isUp: false })),
  }),
  fault('one backend hangs', ['backend-slow'], { backends: [{ ...soundBackend, isHanging: true }, ...others] }),
  fault('one backend is ten times as slow', ['backend-slow'], {
    backends: [{ ...soundBackend, slowness: 10 }, ...others],
  }),
  fault('one backend fails a third of its requests', ['backend-failing'], {
    backends: [{ ...soundBackend, failingShare: 0.33 }, ...others],
  }),
  fault('one backend is set aside', ['backend-ejected'], {
    backends: [{ ...soundBackend, isSetAside: true }, ...others],
  }),
  fault('every backend fails', ['upstream-failing'], {
    backends: soundHost.backends.map((one) => ({ ...one, failingShare: 0.9 })),
  }),
  fault('no worker', ['no-worker'], { workers: [] }),
  fault('one worker is stopped', ['worker-stuck'], { workers: [{ ...soundWorker, isStuck: true }, soundWorker] }),
  fault('one worker of two is missing', ['worker-missing'], { workers: [soundWorker] }),
  fault('PostgreSQL is away', ['database-away'], { databaseProblem: 'ECONNREFUSED', ledgerPending: 4000 }),
  fault('Valkey is away from a host of a fleet', ['fleet-apart'], { fleetProblem: 'no answer in 250 ms' }),
  fault('a host hears no news of its fleet', ['fleet-news-apart'], { newsProblem: 'no answer in 250 ms' }),
  fault('a host has neither its lease nor news', ['fleet-apart'], {
    fleetProblem: 'no answer in 250 ms',
    newsProblem: 'no answer in 250 ms',
  }),
  fault('the shared cache is away', ['shared-cache-away'], { sharedCacheProblem: 'ECONNREFUSED' }),
  fault('PostgreSQL is too slow for the ledger', ['ledger-behind'], { ledgerPending: 6000, ledgerWritten: 50 }),
  fault('the ledger is full', ['ledger-full'], { refusals: { 'ledger-full': 40 } }),
  fault('the spool is full', ['spool-full'], { refusals: { 'spool-full': 20 } }),
  fault('a worker has another configuration', ['configuration-differs'], {
    workers: [soundWorker, { ...soundWorker, configHash: 'other' }],
  }),
  fault('a reload was refused', ['reload-failed'], { reloadProblem: 'routes[0].path: must begin with /' }),
  fault('a certificate expires in three days', ['certificate-expires'], { certificateDays: 3 }),
  fault('a name cannot be looked up', ['name-lookup-failed'], { lookupProblem: 'ETIMEOUT' }),
  fault('a process restarts again and again', ['process-restarts'], { restarts: [{ name: 'generator 1', count: 4 }] }),
  fault('every backend is drained', ['upstream-drained'], { isDrained: true }),
  fault('the retry budget is spent', ['retry-budget-spent'], { overBudgetPerSecond: 5 }),
  fault('clients are over their limits', ['client-limited'], { refusals: { 'rate-limited': 12 } }),
];

/** Hosts that are used a lot and in order. */
export const healthy: readonly (readonly [string, HostTruth])[] = [
  ['4 × 8 permits at 80 %, exponential', hostOf(4, 8, 55, 0.8)],
  ['2 × 4 permits at 80 %, deterministic', hostOf(2, 4, 55, 0.8, { law: 'deterministic' })],
  ['8 × 16 permits at 80 %, exponential', hostOf(8, 16, 100, 0.8)],
  [
    'processors at 80 %',
    hostOf(4, 8, 40, 0, { processorMs: 30, processors: 4, perSecond: 102, foreignProcessors: 0.1 }),
  ],
  ['a trickle: one request in five seconds', hostOf(2, 4, 55, 0, { perSecond: 0.2 })],
];
