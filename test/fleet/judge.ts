import { unexcusedFailures } from './checkers/availability.ts';
import type { Interval } from './checkers/cap.ts';
import { checkLiveness } from './checkers/liveness.ts';
import { type ReportRow, tokensLine, tokensOf } from './report.ts';
import type { FaultWindow, FleetHistory } from './run.ts';
import { brokenShared } from './shared-report.ts';

/** What a fleet has promised. */
export interface Promises {
  /** Most requests in flight at any instant. */
  readonly mostInFlight: number;
  /** Least share of the cap in use, on average, while there is demand for all of it and no fault. */
  readonly leastUse: number;
  /** How many permits one host can have when all demand is there: the others keep their floors. */
  readonly reachable: number;
  /** Whether permits travel by leases, which have times of their own. */
  readonly hasLedger: boolean;
  /** Permits that each host keeps without a ledger. */
  readonly floor: number;
}

/** Permits may take so long to go where the demand is. */
const SETTLE_MS = 1000;
const STRETCH_MS = 1000;

/** The promises that a run broke, a sentence each. */
export function brokenPromises(history: FleetHistory, rows: readonly ReportRow[], promises: Promises): string[] {
  return [
    ...rows.filter(({ maxInFlight }) => maxInFlight > promises.mostInFlight).map(overCap(promises)),
    ...rows.flatMap(errorsOf),
    ...idle(history, promises),
    ...unavailable(history, promises),
    ...(promises.hasLedger ? overLimit(history) : []),
    ...(history.shared === undefined ? [] : brokenShared(history.shared)),
  ];
}

const overCap =
  ({ mostInFlight }: Promises) =>
  ({ name, host, maxInFlight, overPermitMs }: ReportRow): string =>
    `${name} (${host}): ${maxInFlight} requests in flight where ${mostInFlight} may be, ${Math.round(overPermitMs)} permits × ms over the cap`;

function errorsOf({ name, host, errors, errorsAtStruck, errorsElsewhere, outcomes }: ReportRow): string[] {
  const unforeseen = { all: 0, struck: errorsElsewhere, none: errorsAtStruck + errorsElsewhere }[errors];
  return unforeseen === 0 ? [] : [`${name} (${host}): ${unforeseen} failed calls, of ${JSON.stringify(outcomes)}`];
}

/** Permits that lay idle without a fault, and while demand had moved. Demand that moves is no excuse, but takes its time. */
function idle(history: FleetHistory, promises: Promises): string[] {
  const { load, faults, cap } = history;
  const settled = ({ startMs, endMs, healedMs, settlesMs }: FaultWindow): Interval => ({
    startMs,
    endMs: Math.max(endMs, healedMs + (promises.hasLedger ? settlesMs : 0)),
  });
  const [shifts, others] = [faults.filter((one) => one.movesDemand), faults.filter((one) => !one.movesDemand)];
  const before = { startMs: 0, endMs: load.startMs };
  const excused = [before, ...others.map(settled)];
  const calm = tooIdle('no fault', history, { cap, excused: [...excused, ...shifts] }, promises);
  const moved = shifts.flatMap(({ name, startMs, healedMs }) => {
    const outside = [
      { startMs: 0, endMs: startMs },
      { startMs: healedMs, endMs: Infinity },
    ];
    return tooIdle(name, history, { cap: promises.reachable, excused: [...excused, ...outside] }, promises);
  });
  return [...calm, ...moved];
}

interface Reach {
  readonly cap: number;
  readonly excused: readonly Interval[];
}

function tooIdle(
  name: string,
  { served, calls, load }: FleetHistory,
  { cap, excused }: Reach,
  { leastUse }: Promises,
): string[] {
  const demand = calls.map(({ startMs, endMs }) => ({ startMs, endMs: Math.min(endMs, load.endMs) }));
  const found = checkLiveness(served, demand, excused, { cap, settleMs: SETTLE_MS, stretchMs: STRETCH_MS });
  if (found.meanShare >= leastUse) return [];
  return [
    `${name}: ${percent(found.meanShare)} of ${cap} permits in use where there was demand for all, ` +
      `${percent(found.worstShare)} in the worst second`,
  ];
}

function unavailable({ calls, faults, hosts }: FleetHistory, { floor }: Promises): string[] {
  const away = faults.filter(({ cutsLedger }) => cutsLedger);
  const floors = new Map(hosts.map(({ name }) => [name, floor]));
  const failed = unexcusedFailures(calls, away, floors).length;
  return failed === 0 ? [] : [`${failed} calls failed without Valkey at hosts whose demand was within their floor`];
}

/** Each fault may lose what hosts had drawn, and a ledger that was emptied begins with one token. */
const LEAST_GIVEN = 0.8;

function overLimit(history: FleetHistory): string[] {
  const tokens = tokensOf(history);
  const over = Math.max(tokens.overSinceStart, tokens.overInWindow);
  return over <= allowedByShares(history) && tokens.givenShare >= LEAST_GIVEN ? [] : [tokensLine(tokens)];
}

/**
 * A host that is cut off from the ledger decides by its share, which begins with its part of the burst, while the others
 * have the whole limit: no more than the burst once, and a host's part of the rate for as long as hosts were cut off.
 */
function allowedByShares({ faults, hosts, limit }: FleetHistory): number {
  const cuts = faults.filter(({ cutsLedger }) => cutsLedger);
  if (cuts.length === 0) return 0;
  const cutOffMs = cuts.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  return limit.burst + (limit.perSecond * cutOffMs) / 1000 / hosts.length;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
