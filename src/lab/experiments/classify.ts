import type { Step } from './step.ts';

export type BottleneckClass = 'A contention' | 'B work' | 'B processors' | 'C capacity control' | 'mixed' | 'none';

export interface Classification {
  readonly name: BottleneckClass;
  /** What was compared. */
  readonly evidence: string;
  /** What usually helps. */
  readonly action: string;
}

/** Durations below this are noise, and no base for a ratio. */
const LEAST_MS = 1;
const UNANSWERED_SHARE = 0.01;
const WAIT_GROWS = 3;
const EXEC_STABLE = 1.25;
const EXEC_GROWS = 1.5;
const PROCESSOR_GROWS = 1.3;

const actions: Readonly<Record<BottleneckClass, string>> = {
  'A contention': 'shorten what is held, or add permits, backends or pool connections',
  'B work': 'make the work itself cheaper: profile it, add an index, trim the reply',
  'B processors': 'fewer processes than processors want to run at a time, or more processors',
  'C capacity control': 'bound what is under way: caps, early 429 or 503, time limits for each endpoint',
  mixed: 'change one thing at a time and run the same matrix again',
  none: 'nothing: it carries this load',
};

/**
 * What kept a series of growing loads back, from its lowest and its highest step, with g the ratio of the p95 at the two:
 *     C            more than 1 % of the requests were never answered, by timeout or a lost connection
 *     B            g_exec >= 1.5 and processor time per request >= 1.3 times: the work itself has become more
 *     B processors g_exec >= 1.5 and that is not so: it waits for a processor, which counts as exec
 *     A            g_wait >= 3 and g_exec <= 1.25
 * wait and exec are those that the server tells. A rule of this project, after its five source documents.
 */
export function classify(steps: readonly Step[]): Classification {
  const [low, high] = [steps[0], steps.at(-1)];
  if (low === undefined || high === undefined) return described('none', 'no step');
  const wait = growth(low.figures.wait.p95Ms, high.figures.wait.p95Ms);
  const exec = growth(low.figures.exec.p95Ms, high.figures.exec.p95Ms);
  const processor = cpuPerRequest(high) / cpuPerRequest(low);
  const lost = unanswered(high);
  const evidence = `wait × ${wait.toFixed(1)}, exec × ${exec.toFixed(1)}, processor time per request × ${processor.toFixed(1)}, ${(lost * 100).toFixed(1)} % unanswered`;
  if (lost > UNANSWERED_SHARE) return described('C capacity control', evidence);
  if (exec >= EXEC_GROWS) return described(processor >= PROCESSOR_GROWS ? 'B work' : 'B processors', evidence);
  if (wait < WAIT_GROWS) return described('none', evidence);
  return described(exec <= EXEC_STABLE ? 'A contention' : 'mixed', evidence);
}

const described = (name: BottleneckClass, evidence: string): Classification => ({
  name,
  evidence,
  action: actions[name],
});

const growth = (low: number, high: number): number => Math.max(LEAST_MS, high) / Math.max(LEAST_MS, low);

function cpuPerRequest({ use, figures }: Step): number {
  const share = use.processes.reduce((sum, process) => sum + process.cpuShare, 0);
  return share / figures.throughputPerSecond;
}

function unanswered({ figures: { outcomes, requests } }: Step): number {
  const lost = (outcomes.timeout ?? 0) + (outcomes['connection-error'] ?? 0);
  return requests === 0 ? 0 : lost / requests;
}
