import { unexcusedFailures } from './checkers/availability.ts';
import type { Interval } from './checkers/cap.ts';
import { checkLiveness } from './checkers/liveness.ts';
import type { ReportRow } from './report.ts';
import type { FaultWindow, FleetHistory } from './run.ts';

/** What a fleet has promised. */
export interface Promises {
  /** Most requests in flight at any instant. */
  readonly mostInFlight: number;
  /** Least share of the cap in use while there is demand for all of it and no fault. */
  readonly leastUse: number;
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

function idle({ served, calls, faults, load, cap }: FleetHistory, { leastUse, hasLedger }: Promises): string[] {
  const demand = calls.map(({ startMs, endMs }) => ({ startMs, endMs: Math.min(endMs, load.endMs) }));
  // A shift of demand is no excuse, but permits need their time after it.
  const shiftsOf = ({ startMs, healedMs }: FaultWindow): Interval[] => [
    { startMs, endMs: startMs },
    { startMs: healedMs, endMs: healedMs },
  ];
  const settled = (fault: FaultWindow): Interval => ({
    startMs: fault.startMs,
    endMs: Math.max(fault.endMs, fault.healedMs + (hasLedger ? fault.settlesMs : 0)),
  });
  const excused = faults.flatMap((fault) => (fault.movesDemand ? shiftsOf(fault) : [settled(fault)]));
  const troubled = [{ startMs: 0, endMs: load.startMs }, ...excused];
  const found = checkLiveness(served, demand, troubled, { cap, settleMs: SETTLE_MS, stretchMs: STRETCH_MS });
  if (found.worstShare >= leastUse) return [];
  const atS = ((found.worstAtMs - load.startMs) / 1000).toFixed(1);
  return [`${percent(found.worstShare)} of the cap in use for a second of full demand without a fault, at ${atS} s`];
}

function unavailable({ calls, faults, hosts }: FleetHistory, { floor }: Promises): string[] {
  const away = faults.filter(({ cutsLedger }) => cutsLedger);
  const floors = new Map(hosts.map(({ name }) => [name, floor]));
  const failed = unexcusedFailures(calls, away, floors).length;
  return failed === 0 ? [] : [`${failed} calls failed without Valkey at hosts whose demand was within their floor`];
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
