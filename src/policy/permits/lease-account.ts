import type { HostLoad, LeaseReport } from '../../protocol/lease.ts';

/** What control knows of one worker's leases of one upstream. */
export interface LeaseAccount {
  /** Present: connected. Away: disconnected, but its process may live. Dead: its process has ended, and its requests may still be at a backend. */
  state: 'present' | 'away' | 'dead';
  /** The most permits that the worker may hold of each backend. */
  bound: number[];
  /** The grants that the worker has not confirmed. */
  unconfirmed: { number: number; permits: readonly number[] }[];
  fallback: readonly number[];
  lastNumber: number;
  queued: number;
  /** Requests that wait for a permit of this backend, by backend; undefined: none. */
  wanted: number[] | undefined;
  queuedAt: number;
  dealtAt: number;
  recalledAt: number;
  /** The numbers of the last recall, and of the last order that the worker has confirmed. */
  recallNumber: number;
  seen: number;
  /** The worker's requests, by its last report. */
  load: { queued: number; bulk: number; inFlight: number; used: readonly number[] };
  /** Requests of the worker that have ended and their time in flight, as last reported and since the last `takeFlow`. */
  flow: { ended: number; busyMs: number; newlyEnded: number; newlyBusyMs: number } | undefined;
}

/** A call for permits is forgotten after this time: a worker whose work still waits repeats it sooner. */
const NEED_LASTS_MS = 50;
/** Shortest times between two recalls to one worker: after an answer, and without one. */
const RECALL_INTERVAL_MS = 5;
const UNANSWERED_INTERVAL_MS = 1000;

/** The account of a worker that has just connected and holds nothing. */
export function newAccount(backends: number): LeaseAccount {
  return {
    state: 'present',
    bound: Array.from({ length: backends }, () => 0),
    unconfirmed: [],
    fallback: [],
    lastNumber: 0,
    queued: 0,
    wanted: undefined,
    queuedAt: Number.NEGATIVE_INFINITY,
    dealtAt: Number.NEGATIVE_INFINITY,
    recalledAt: Number.NEGATIVE_INFINITY,
    recallNumber: 0,
    seen: 0,
    load: { queued: 0, bulk: 0, inFlight: 0, used: [] },
    flow: undefined,
  };
}

/** Settles what a worker reports: the orders that it has seen, the permits that it holds, its load. */
export function noteReport(account: LeaseAccount, report: LeaseReport): void {
  account.seen = report.seen;
  account.unconfirmed = account.unconfirmed.filter(({ number }) => number > report.seen);
  account.bound = account.bound.map((bound, backend) => {
    let most = report.held[backend] ?? 0;
    for (const { permits } of account.unconfirmed) most = Math.max(most, permits[backend] ?? 0);
    return Math.min(bound, most);
  });
  account.queued = report.queued - Math.min(report.queued, report.blocked ?? 0);
  account.wanted = report.wanted?.some((count) => count > 0) === true ? [...report.wanted] : undefined;
  account.load = {
    queued: report.queued,
    bulk: report.bulk ?? 0,
    inFlight: report.inFlight ?? 0,
    // A worker of an earlier version may use all that it holds.
    used: report.used ?? report.held,
  };
  noteFlow(account, report);
}

/** A worker counts from its start, so the counts of its first report are not new work. */
function noteFlow(account: LeaseAccount, { ended, busyMs }: LeaseReport): void {
  if (ended === undefined || busyMs === undefined) return;
  const before = account.flow ?? { ended, busyMs, newlyEnded: 0, newlyBusyMs: 0 };
  account.flow = {
    ended,
    busyMs,
    newlyEnded: before.newlyEnded + Math.max(0, ended - before.ended),
    newlyBusyMs: before.newlyBusyMs + Math.max(0, busyMs - before.busyMs),
  };
}

/** Whether more is held of any backend than these limits allow. */
export function exceeds(bound: readonly number[], limits: readonly number[]): boolean {
  return bound.some((permits, backend) => permits > (limits[backend] as number));
}

/** Whether enough time has passed since the last recall; a stopped worker must not find thousands of them when it goes on. */
export function mayBeAsked({ recalledAt, recallNumber, seen }: LeaseAccount, now: number): boolean {
  return now - recalledAt >= (seen >= recallNumber ? RECALL_INTERVAL_MS : UNANSWERED_INTERVAL_MS);
}

/** Whether requests of a worker wait for a certain backend, by a call that still counts. */
export const isWanting = ({ wanted, queuedAt }: LeaseAccount, now: number): boolean =>
  wanted !== undefined && now - queuedAt < NEED_LASTS_MS;

/** Whether a worker has called for permits, recently enough for the call to count. */
export function isNeedy(account: LeaseAccount, now: number): boolean {
  return account.queued > 0 && now - account.queuedAt < NEED_LASTS_MS;
}

/** The work of all workers together since the last call. */
export function takeFlow(accounts: Iterable<LeaseAccount>): { ended: number; busyMs: number; queued: number } {
  const sum = { ended: 0, busyMs: 0, queued: 0 };
  for (const { load, flow } of accounts) {
    sum.queued += load.queued;
    if (flow === undefined) continue;
    sum.ended += flow.newlyEnded;
    sum.busyMs += flow.newlyBusyMs;
    flow.newlyEnded = 0;
    flow.newlyBusyMs = 0;
  }
  return sum;
}

/** The load of the workers but one. */
export function loadOfOthers(accounts: ReadonlyMap<string, LeaseAccount>, member: string, permits: number): HostLoad {
  const load = { permits, workers: 0, queued: 0, bulk: 0, inFlight: 0 };
  for (const [other, account] of accounts) {
    if (account.state === 'present') load.workers++;
    if (other === member) continue;
    load.queued += account.load.queued;
    load.bulk += account.load.bulk;
    load.inFlight += account.load.inFlight;
  }
  return load;
}

/** Requests of all workers: in flight at a backend, and waiting, if it is up. A worker that is away counts with all that it holds. */
export function loadAt(
  accounts: Iterable<LeaseAccount>,
  backend: number,
  isUp: boolean,
): { inUse: number; queued: number } {
  const sum = { inUse: 0, queued: 0 };
  for (const { state, load, bound, wanted } of accounts) {
    sum.inUse += state === 'present' ? (load.used[backend] ?? 0) : (bound[backend] ?? 0);
    if (isUp) sum.queued += load.queued + (wanted?.[backend] ?? 0);
  }
  return sum;
}
