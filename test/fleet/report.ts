import { checkCap, type CapFindings, type Interval } from './checkers/cap.ts';
import { timeToFull } from './checkers/liveness.ts';
import { clientErrors } from './checkers/client-errors.ts';
import { checkTokens, type TokenFindings } from './checkers/tokens.ts';
import type { ClientCall } from './clients.ts';
import type { Fault } from './fault.ts';
import type { FaultWindow, FleetHistory } from './run.ts';
import { sharedCells, sharedColumns, sharedRow, type SharedRow } from './shared-report.ts';

/** What happened in one stretch of a run. */
export interface ReportRow extends CapFindings {
  readonly name: string;
  readonly host: string;
  readonly seconds: number;
  readonly cap: number;
  /** Milliseconds from the begin of the fault until all of the cap was in use again; absent if it was not at the end. */
  readonly fullAfterMs?: number;
  /** Whose clients may see errors. */
  readonly errors: Fault['errors'];
  /** Failed calls at the struck host, and at all others. */
  readonly errorsAtStruck: number;
  readonly errorsElsewhere: number;
  /** How many of each kind. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Purges and batches, of hosts that share a PostgreSQL and a cache. */
  readonly shared?: SharedRow;
}

/** A row for the time without a fault, in one, and a row for each fault. */
export function reportOf(history: FleetHistory): ReportRow[] {
  const errors = errorsByWindow(clientErrors(history.calls), history.faults);
  const faults = history.faults.map((fault, index) => ({
    ...named(fault, errors.get(index)),
    seconds: (fault.endMs - fault.startMs) / 1000,
    cap: history.cap,
    ...checkCap(history.served, history.cap, fault),
    ...fullAfter(history, fault),
    ...sharedIn(history, [fault]),
  }));
  return [calmRow(history, errors.get(CALM_INDEX)), ...faults];
}

function fullAfter({ served, cap }: FleetHistory, fault: Interval): Pick<ReportRow, 'fullAfterMs'> {
  const fullAfterMs = timeToFull(served, cap, fault);
  return fullAfterMs === undefined ? {} : { fullAfterMs };
}

function sharedIn({ shared }: FleetHistory, windows: readonly Interval[]): Pick<ReportRow, 'shared'> {
  return shared === undefined ? {} : { shared: sharedRow(shared, windows) };
}

const CALM_INDEX = -1;

/**
 * Failed calls by the fault that they failed by: the one whose time until it was healed they share most of. A call that shares
 * no such time belongs to the last fault whose recovery it saw.
 */
function errorsByWindow(errors: readonly ClientCall[], faults: readonly FaultWindow[]): Map<number, ClientCall[]> {
  return Map.groupBy(errors, (call) => {
    const shared = faults.map(({ startMs, healedMs }) => sharedMs(call, { startMs, endMs: healedMs }));
    const most = Math.max(0, ...shared);
    return most > 0 ? shared.lastIndexOf(most) : faults.findLastIndex((fault) => sharedMs(call, fault) > 0);
  });
}

const sharedMs = (one: Interval, other: Interval): number =>
  Math.min(one.endMs, other.endMs) - Math.max(one.startMs, other.startMs);

function named(
  { name, host, errors }: Pick<FaultWindow, 'name' | 'host' | 'errors'>,
  failed: readonly ClientCall[] = [],
) {
  const outcomes: Record<string, number> = {};
  for (const { outcome, reason } of failed) {
    const kind = reason === undefined ? String(outcome) : `${outcome} ${reason}`;
    outcomes[kind] = (outcomes[kind] ?? 0) + 1;
  }
  const errorsAtStruck = failed.filter((call) => call.host === host).length;
  return { name, host, errors, errorsAtStruck, errorsElsewhere: failed.length - errorsAtStruck, outcomes };
}

/** The stretches between faults, put together. */
function calmRow(history: FleetHistory, failed: readonly ClientCall[] | undefined): ReportRow {
  const windows = calmWindows(history);
  const found = windows.map((window) => ({
    ...checkCap(history.served, history.cap, window),
    seconds: (window.endMs - window.startMs) / 1000,
  }));
  const sum = (of: (row: (typeof found)[number]) => number): number => found.reduce((all, row) => all + of(row), 0);
  const seconds = sum((row) => row.seconds);
  const most = found.toSorted((one, other) => other.maxInFlight - one.maxInFlight)[0];
  return {
    ...named({ name: 'no fault', host: '', errors: 'none' }, failed),
    seconds,
    cap: history.cap,
    maxInFlight: most?.maxInFlight ?? 0,
    maxAtMs: most?.maxAtMs ?? Number.NaN,
    excursions: sum((row) => row.excursions),
    overMs: sum((row) => row.overMs),
    overPermitMs: sum((row) => row.overPermitMs),
    usedShare: sum((row) => row.usedShare * row.seconds) / seconds,
    ...sharedIn(history, windows),
  };
}

/** The stretches of the load in which no fault was there. */
function calmWindows({ load, faults }: FleetHistory): Interval[] {
  const starts = [load.startMs, ...faults.map(({ endMs }) => endMs)];
  const ends = [...faults.map(({ startMs }) => startMs), load.endMs];
  return starts
    .map((startMs, index) => ({ startMs, endMs: ends[index] ?? load.endMs }))
    .filter(({ startMs, endMs }) => endMs > startMs);
}

/** Tokens may leave the bucket so long before their use, and come back so long after it. */
const TOKEN_LAG_MS = 200;

/** What became of the limit over all hosts. */
export function tokensOf({ limitedCalls, limit }: FleetHistory): TokenFindings {
  const admitted = limitedCalls.filter(({ outcome }) => outcome === 'admitted');
  return checkTokens(admitted, limitedCalls, { ...limit, lagMs: TOKEN_LAG_MS });
}

/** The same in a sentence. */
export function tokensLine({ overSinceStart, overInWindow, givenShare }: TokenFindings): string {
  const beyond = (over: number): string =>
    over > 0 ? `${over.toFixed(1)} beyond` : `within, ${(-over).toFixed(1)} below`;
  return (
    `Calls admitted by the limit: ${(givenShare * 100).toFixed(1)} % of what one bucket gives; since the start ` +
    `${beyond(overSinceStart)} its bound; in the worst window ${beyond(overInWindow)} its bound.`
  );
}

const columns = [
  'fault',
  'host',
  's',
  'most in flight',
  'cap',
  'over, permits × s',
  'cap used',
  'full after, s',
  'errors there',
  'elsewhere',
];

/** The rows as a table of Markdown. */
export function reportTable(rows: readonly ReportRow[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const hasShared = rows.some(({ shared }) => shared !== undefined);
  const all = hasShared ? [...columns, ...sharedColumns] : columns;
  return [
    line(all),
    line(all.map((_, index) => (index < 2 ? '---' : '---:'))),
    ...rows.map((row) => line(cellsOf(row))),
  ].join('\n');
}

function cellsOf(row: ReportRow): string[] {
  return [
    row.name,
    row.host,
    row.seconds.toFixed(1),
    String(row.maxInFlight),
    String(row.cap),
    (row.overPermitMs / 1000).toFixed(1),
    `${(row.usedShare * 100).toFixed(1)} %`,
    row.fullAfterMs === undefined ? '–' : (row.fullAfterMs / 1000).toFixed(2),
    String(row.errorsAtStruck),
    String(row.errorsElsewhere),
    ...(row.shared === undefined ? [] : sharedCells(row.shared)),
  ];
}
