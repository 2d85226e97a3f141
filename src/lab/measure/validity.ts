import type { LoadResult } from '../load/engine.ts';
import type { Requests } from '../load/requests.ts';
import type { SenderReport } from '../load/sender-watch.ts';
import { quantile } from '../statistics/quantile.ts';
import type { Window } from './figures.ts';

/** Whether the sender measured the system, or itself. */
export interface Validity {
  readonly valid: boolean;
  /** Why not. */
  readonly reasons: readonly string[];
  readonly sendLagP99Ms: number;
  /** The processor share of the busiest sending process: 1 is one processor. */
  readonly senderCpuShare: number;
  readonly eventLoopDelayP99Ms: number;
  readonly littlesLaw: LittlesLaw;
}

/** L = lambda W, both sides from different sources. */
export interface LittlesLaw {
  /** Mean number of requests under way, as counted. */
  readonly counted: number;
  /** Requests a second times their mean time, from the times that were noted of each. */
  readonly expected: number;
  readonly gap: number;
}

const MAX_LITTLE_GAP = 0.02;
/** Below this many requests under way, a single one is more than the gap allows. */
const LITTLE_FROM = 0.5;
const MAX_CPU_SHARE = 0.85;
const MIN_LAG_LIMIT_MS = 2;
const LAG_LIMIT_SHARE = 0.05;

/** `targetMs`: the latency that the run is to judge; a lag of the sender of 5 % of it, or 2 ms, does not matter. */
export function validityOf({ requests, senders }: LoadResult, window: Window, targetMs: number): Validity {
  const measured = {
    sendLagP99Ms: sendLag(requests, window),
    senderCpuShare: Math.max(...senders.map(({ cpuShare }) => cpuShare)),
    eventLoopDelayP99Ms: Math.max(...senders.map(({ eventLoopDelayP99Ms }) => eventLoopDelayP99Ms)),
    littlesLaw: littlesLawOf(requests, senders, window),
  };
  const unsent = countUnsent(requests);
  const reasons = reasonsAgainst(measured, targetMs);
  if (unsent > 0) reasons.push(`${unsent} requests were not sent, as too many were under way`);
  return { ...measured, valid: reasons.length === 0, reasons };
}

/** The validity of a run that was measured in windows: all windows together show what chance may hide in a short one. */
export function validityOfAll(windows: readonly (Window & { validity: Validity })[], targetMs: number): Validity {
  const wholeMs = windows.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  const average = (valueOf: (validity: Validity) => number): number =>
    windows.reduce((sum, { validity, fromMs, toMs }) => sum + valueOf(validity) * (toMs - fromMs), 0) / wholeMs;
  const most = (valueOf: (validity: Validity) => number): number =>
    Math.max(...windows.map(({ validity }) => valueOf(validity)));
  const measured = {
    sendLagP99Ms: most(({ sendLagP99Ms }) => sendLagP99Ms),
    senderCpuShare: average(({ senderCpuShare }) => senderCpuShare),
    eventLoopDelayP99Ms: most(({ eventLoopDelayP99Ms }) => eventLoopDelayP99Ms),
    littlesLaw: littlesLaw(
      average(({ littlesLaw: { counted } }) => counted),
      average(({ littlesLaw: { expected } }) => expected),
    ),
  };
  const reasons = reasonsAgainst(measured, targetMs);
  return { ...measured, valid: reasons.length === 0, reasons };
}

function reasonsAgainst(
  { sendLagP99Ms, senderCpuShare, littlesLaw }: Omit<Validity, 'valid' | 'reasons'>,
  targetMs: number,
): string[] {
  const lagLimitMs = Math.max(MIN_LAG_LIMIT_MS, LAG_LIMIT_SHARE * targetMs);
  const reasons: string[] = [];
  if (sendLagP99Ms > lagLimitMs) {
    reasons.push(
      `the sender was late: of its requests 1 % left ${sendLagP99Ms.toFixed(1)} ms after their time or later, and ${lagLimitMs.toFixed(1)} ms is the most that does not matter`,
    );
  }
  if (senderCpuShare > MAX_CPU_SHARE) {
    reasons.push(`the sender was the bottleneck: it used ${percent(senderCpuShare)} of a processor`);
  }
  if (littlesLaw.counted > LITTLE_FROM && littlesLaw.gap > MAX_LITTLE_GAP) {
    reasons.push(
      `Little's law does not hold: ${littlesLaw.counted.toFixed(2)} requests under way were counted, ${littlesLaw.expected.toFixed(2)} follow from their times`,
    );
  }
  return reasons;
}

function sendLag(requests: Requests, { fromMs, toMs }: Window): number {
  const lags: number[] = [];
  for (let row = 0; row < requests.count; row++) {
    const intendedMs = requests.intendedMs(row);
    if (intendedMs >= fromMs && intendedMs < toMs) lags.push(requests.sentMs(row) - intendedMs);
  }
  return lags.length === 0 ? 0 : quantile(lags, 0.99);
}

function countUnsent(requests: Requests): number {
  let unsent = 0;
  for (let row = 0; row < requests.count; row++) if (requests.outcome(row) === 'unsent') unsent++;
  return unsent;
}

/** Requests that reach over an end of the window count with the part that lies within: without it, the ends would be 1 % of short windows. */
function littlesLawOf(requests: Requests, senders: readonly SenderReport[], window: Window): LittlesLaw {
  let time = 0;
  for (let row = 0; row < requests.count; row++) {
    if (requests.outcome(row) === 'unsent') continue;
    time += Math.max(0, Math.min(requests.endMs(row), window.toMs) - Math.max(requests.sentMs(row), window.fromMs));
  }
  const expected = time / (window.toMs - window.fromMs);
  const counted = senders.reduce((sum, sender) => sum + meanInFlight(sender, window), 0);
  return littlesLaw(counted, expected);
}

const littlesLaw = (counted: number, expected: number): LittlesLaw => ({
  counted,
  expected,
  gap: counted === 0 ? 0 : Math.abs(counted - expected) / counted,
});

/** Each sample holds until the next: a sender that was held up has few of them, and they count for longer. */
function meanInFlight({ sampledAtMs, inFlight }: SenderReport, { fromMs, toMs }: Window): number {
  let area = 0;
  for (let index = 0; index < sampledAtMs.length; index++) {
    const begin = Math.max(fromMs, sampledAtMs[index] as number);
    const end = Math.min(toMs, sampledAtMs[index + 1] ?? toMs);
    if (end > begin) area += (inFlight[index] as number) * (end - begin);
  }
  return area / (toMs - fromMs);
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
