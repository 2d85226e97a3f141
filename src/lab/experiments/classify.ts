import { varianceInflation } from '../statistics/autocorrelation.ts';
import { mannKendall } from '../statistics/mann-kendall.ts';
import type { Step } from './step.ts';

export type BottleneckClass =
  | 'A contention'
  | 'B work'
  | 'B processors'
  | 'C capacity control'
  | 'mixed'
  | 'none'
  | 'not known';

export interface Classification {
  readonly name: BottleneckClass;
  /** The compared figures. */
  readonly evidence: string;
  /** The usual remedy. */
  readonly action: string;
}

/** Durations below this are noise, and no base for a ratio. */
const LEAST_MS = 1;
const UNANSWERED_SHARE = 0.01;
const WAIT_GROWS = 3;
const EXEC_STABLE = 1.25;
const EXEC_GROWS = 1.5;
const WORK_GROWS = 1.3;
/** Processors are the limit if processes that were ready to run waited for one during this share of the growth of exec. */
const PROCESSOR_SHARE = 0.25;
const TREND_P = 0.01;
/** How many times as many as at the first are under way at the last: less may be chance that has a trend. */
const PILES_UP = 2;

const actions: Readonly<Record<BottleneckClass, string>> = {
  'A contention': 'shorten what is held, or add permits, backends or pool connections',
  'B work': 'make the work itself cheaper: profile it, add an index, trim the reply',
  'B processors': 'fewer processes than processors want to run at a time, or more processors',
  'C capacity control': 'bound what is under way: caps, early 429 or 503, time limits for each endpoint',
  mixed: 'change one thing at a time and run the same matrix again',
  none: 'nothing: it carries this load',
  'not known': 'a class takes replies with Server-Timing (wait and exec) at two loads at least',
};

/**
 * The class of the bottleneck of a series of growing loads, from its lowest and its highest step, with g the ratio of the two p95:
 *     C             more than 1 % of the requests were never answered, by timeout or a lost connection; or requests that
 *                   come at a constant rate pile up (Mann-Kendall p < 0.01 over the step, with Hamed and Rao's correction, and twice as many at its end)
 *     B work        g_exec >= 1.5, and processor time per request >= 1.3 times: the work itself has become more
 *     B processors  g_exec >= 1.5, not so, and of the growth of exec the processes spent a quarter or more ready to run
 *                   without a processor: exec counts that wait
 *     A             g_wait >= 3 and g_exec <= 1.25
 *     not known     not C, and the server tells no wait and exec, or there are fewer than two loads
 * wait and exec are those that the server tells. A rule of this project, after its five source documents.
 */
export function classify(steps: readonly Step[]): Classification {
  const [low, high] = [steps[0], steps.at(-1)];
  if (low === undefined || high === undefined || low === high) return described('not known', 'fewer than two loads');
  const wait = growth(low.figures.wait.p95Ms, high.figures.wait.p95Ms);
  const exec = growth(low.figures.exec.p95Ms, high.figures.exec.p95Ms);
  // The processors of a system whose processes are not known here are not known either.
  const isWatched = low.use.processes.length > 0 && high.use.processes.length > 0;
  const work = isWatched ? perRequest(high, 'cpuShare') / perRequest(low, 'cpuShare') : Number.NaN;
  const readyMs = (perRequest(high, 'runQueueShare') - perRequest(low, 'runQueueShare')) * 1000;
  const lost = unanswered(high);
  const pilesUp = high.load.kind === 'open' && rises(high.underWay);
  const isTold = Number.isFinite(wait) && Number.isFinite(exec);
  const evidence = [
    ...(isTold ? [`wait × ${wait.toFixed(1)}`, `exec × ${exec.toFixed(1)}`] : ['wait and exec not known']),
    ...(Number.isFinite(work) ? [`processor time per request × ${work.toFixed(1)}`, describeReady(readyMs)] : []),
    ...(isWatched ? [] : ['its processors not known']),
    `${(lost * 100).toFixed(1)} % unanswered${pilesUp ? ', more and more under way' : ''}`,
  ].join(', ');
  if (lost > UNANSWERED_SHARE || pilesUp) return described('C capacity control', evidence);
  if (!isTold) return described('not known', evidence);
  if (exec >= EXEC_GROWS) {
    if (work >= WORK_GROWS) return described('B work', evidence);
    const grownMs = high.figures.exec.meanMs - low.figures.exec.meanMs;
    const lacksProcessors = isWatched && grownMs > 0 && readyMs >= PROCESSOR_SHARE * grownMs;
    return described(lacksProcessors ? 'B processors' : 'mixed', evidence);
  }
  if (wait < WAIT_GROWS) return described('none', evidence);
  return described(exec <= EXEC_STABLE ? 'A contention' : 'mixed', evidence);
}

/** The same in a sentence, for reports. */
export function describeClass(steps: readonly Step[]): string {
  const { name, evidence, action } = classify(steps);
  return `From the lowest load to the highest: class ${name} (${evidence}); ${action}.`;
}

/** A difference of two waits: what has become less is no time. */
const describeReady = (ms: number): string =>
  ms > 0 ? `ready without a processor +${ms.toFixed(1)} ms per request` : 'not longer ready without a processor';

const described = (name: BottleneckClass, evidence: string): Classification => ({
  name,
  evidence,
  action: actions[name],
});

const growth = (low: number, high: number): number => Math.max(LEAST_MS, high) / Math.max(LEAST_MS, low);

/** Seconds of it per request, of all processes together; refusals are work too, though little. */
function perRequest({ use, figures }: Step, what: 'cpuShare' | 'runQueueShare'): number {
  return use.processes.reduce((sum, process) => sum + process[what], 0) / figures.offeredPerSecond;
}

function unanswered({ figures: { outcomes, requests } }: Step): number {
  const lost = (outcomes.timeout ?? 0) + (outcomes['connection-error'] ?? 0);
  return requests === 0 ? 0 : lost / requests;
}

function rises(underWay: readonly number[]): boolean {
  const { s, p } = mannKendall(underWay, varianceInflation(underWay));
  const [first = 0, last = 0] = [underWay[0], underWay.at(-1)];
  return s > 0 && p < TREND_P && last > PILES_UP * Math.max(1, first);
}
