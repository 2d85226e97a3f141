import type { LawName } from './service-law.ts';

/** A fleet and its load. Times in milliseconds. */
export interface Scenario {
  readonly gateways: number;
  /** Per gateway. Each worker has its own view of every backend. */
  readonly workers: number;
  readonly backends: number;
  /** Requests that each backend serves at the same time. */
  readonly slots: number;
  /** Mean service time of class 0 at speed 1. */
  readonly serviceMs: number;
  readonly law: LawName;
  /** Kinds of requests: share of the arrivals, cost as a multiple of `serviceMs`. */
  readonly classes: readonly { readonly share: number; readonly cost: number }[];
  /** Speeds of the backends, in turn: [1, 0.5] makes every second one half as fast. */
  readonly speeds: readonly number[];
  readonly antagonist: Antagonist | undefined;
  /** Requests that wait at a backend; one more is refused. */
  readonly backendQueue: number;
  /** How many backends run at a tenth of their speed, answer every request with an error at once, or never answer. */
  readonly slow: number;
  readonly failing: number;
  readonly hanging: number;
  /** From arrival to the last byte. */
  readonly deadlineMs: number;
  /** Requests in flight at one backend, split among all workers; undefined: as many as come. */
  readonly cap: number | undefined;
  /** Where requests wait for a permit, per worker. */
  readonly gatewayQueue: { readonly capacity: number; readonly timeoutMs: number };
  /** Share of the requests at the start that fills the fleet and is not measured. */
  readonly warmUp: number;
}

/** Other programs on the same machines: each backend, in each epoch, is slowed down with a probability. */
export interface Antagonist {
  readonly epochMs: number;
  readonly probability: number;
  /** The speed that is left is drawn evenly from here to 1. */
  readonly least: number;
}

const plain: Scenario = {
  gateways: 1,
  workers: 1,
  backends: 1,
  slots: 1,
  serviceMs: 10,
  law: 'exponential',
  classes: [{ share: 1, cost: 1 }],
  speeds: [1],
  antagonist: undefined,
  backendQueue: Number.POSITIVE_INFINITY,
  slow: 0,
  failing: 0,
  hanging: 0,
  deadlineMs: Number.POSITIVE_INFINITY,
  cap: undefined,
  gatewayQueue: { capacity: 0, timeoutMs: 1000 },
  warmUp: 0.1,
};

/** After the comparison in the Prequal paper (NSDI 2024, section 5): half of the backends slow, antagonists on all. */
const prequal: Scenario = {
  ...plain,
  gateways: 10,
  workers: 2,
  backends: 50,
  slots: 4,
  serviceMs: 50,
  speeds: [1, 0.5],
  antagonist: { epochMs: 5000, probability: 0.3, least: 0.3 },
  backendQueue: 64,
  deadlineMs: 5000,
};

/** One host with its settings by default: caps, so that requests wait in the gateway; every tenth one a PDF417. */
const host: Scenario = {
  ...plain,
  workers: 2,
  backends: 4,
  slots: 4,
  serviceMs: 55,
  classes: [
    { share: 0.9, cost: 1 },
    { share: 0.1, cost: 5 },
  ],
  antagonist: { epochMs: 5000, probability: 0.3, least: 0.3 },
  backendQueue: 16,
  deadlineMs: 5000,
  cap: 4,
  gatewayQueue: { capacity: 256, timeoutMs: 1000 },
};

export const scenarios = {
  plain,
  prequal,
  host,
  /** As `prequal`, with equal speeds and no antagonists, but backends that are slow, fail or hang. */
  faults: { ...prequal, speeds: [1], antagonist: undefined, slow: 2, failing: 2, hanging: 1 },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;

/** Requests per second that the backends which serve can do; `load` is measured against it. */
export function capacityPerSecond(scenario: Scenario): number {
  const { backends, slots, serviceMs, antagonist } = scenario;
  const lost = antagonist === undefined ? 0 : (antagonist.probability * (1 - antagonist.least)) / 2;
  const cost = scenario.classes.reduce((sum, { share, cost }) => sum + share * cost, 0);
  let speed = 0;
  for (let index = 0; index < backends; index++) speed += speedOf(scenario, index);
  return (speed * (1 - lost) * slots * 1000) / (serviceMs * cost);
}

export type BackendMode = 'serving' | 'failing' | 'hanging';

/** The first backends are slow, the next ones fail, and the next ones hang. */
export function modeOf({ slow, failing, hanging }: Scenario, index: number): BackendMode {
  if (index < slow || index >= slow + failing + hanging) return 'serving';
  return index < slow + failing ? 'failing' : 'hanging';
}

/** The speed of a backend without antagonists; 0 where it does not serve. */
export function speedOf(scenario: Scenario, index: number): number {
  if (modeOf(scenario, index) !== 'serving') return 0;
  const speed = scenario.speeds[index % scenario.speeds.length] ?? 1;
  return index < scenario.slow ? speed / 10 : speed;
}
