import type { Finding } from './finding.ts';
import { amount, duration, list, shareText, rate } from './phrases.ts';
import type { BackendSignals, UpstreamSignals } from './signals.ts';

const FULL = 0.9;
/** Durations below this are noise, and no base for a ratio. */
const LEAST_WORK_MS = 2;
/** Fewer replies in a second tell nothing about a backend. */
const LEAST_PER_SECOND = 1;
/** So many failures and no success tell enough about an upstream, however few requests it gets. */
const LEAST_IN_A_ROW = 5;
const SLOWER_THAN_OTHERS = 3;
const SLOWER_BY_MS = 20;
const FAILING_SHARE = 0.5;
const NOTHING_SUCCEEDS = 0.95;
const FAILED_SHARE = 0.05;

/** Backends that are down, slow or fail, the gravest first. */
export function backendFaults(upstream: UpstreamSignals): Finding[] {
  const { name, backends, endedPerSecond, failedPerSecond, failedInARow } = upstream;
  const down = backends.filter(({ isUp }) => isUp === false);
  if (backends.length > 0 && down.length === backends.length) {
    return [
      {
        state: 'down',
        subject: name,
        causeId: 'upstream-down',
        cause: `no backend of upstream ${name} is up${problemOf(down[0])}`,
        next: 'start its backends, or look into their logs: the health check says what fails',
      },
    ];
  }
  if (failedPerSecond >= LEAST_PER_SECOND && failedPerSecond >= FAILING_SHARE * endedPerSecond) {
    return [
      failing(
        'upstream-failing',
        failedPerSecond >= NOTHING_SUCCEEDS * endedPerSecond ? 'down' : 'overloaded',
        name,
        `upstream ${name} fails ${shareText(failedPerSecond / endedPerSecond)} of its requests`,
      ),
    ];
  }
  if (failedInARow >= LEAST_IN_A_ROW) {
    const cause = `upstream ${name} has failed all of its last ${failedInARow} requests`;
    return [failing('upstream-failing', 'down', name, cause)];
  }
  return [
    ...downBackends(upstream, down),
    ...slowBackends(upstream),
    ...failingBackends(upstream),
    ...ejectedBackends(upstream),
  ];
}

const failing = (
  causeId: 'upstream-failing' | 'backend-failing',
  state: Finding['state'],
  subject: string,
  cause: string,
): Finding => ({
  state,
  subject,
  causeId,
  cause,
  next: 'look into the log of the backend, and at rampart_backend_requests_total by outcome',
});

function downBackends({ name, backends }: UpstreamSignals, down: readonly BackendSignals[]): Finding[] {
  if (down.length === 0) return [];
  const names = list(down.map((one) => one.name));
  return [
    {
      state: 'degraded',
      subject: name,
      causeId: 'backend-down',
      cause: `${down.length === 1 ? 'backend' : 'backends'} ${names} of upstream ${name} ${down.length === 1 ? 'is' : 'are'} down${problemOf(down[0])}; ${backends.length - down.length} of ${backends.length} serve`,
      next: 'start it again, or look into its log: the health check says what fails',
    },
  ];
}

const problemOf = (backend: BackendSignals | undefined): string =>
  backend?.problem === undefined ? '' : ` (${backend.problem})`;

/** Slower than the others by far, or silent with requests in flight while the others reply. */
function slowBackends({ name, backends }: UpstreamSignals): Finding[] {
  const serving = backends.filter(({ isUp }) => isUp !== false);
  return serving.flatMap((backend) => {
    const others = serving.filter((one) => one !== backend && one.endedPerSecond >= LEAST_PER_SECOND);
    if (others.length === 0) return [];
    const usual = median(others.flatMap(({ workMs }) => (workMs === undefined ? [] : [workMs])));
    const isSilent = backend.endedPerSecond === 0 && backend.inFlight >= 1 && backend.inFlight >= FULL * backend.cap;
    const { workMs = 0 } = backend;
    if (!isSilent && (workMs < SLOWER_THAN_OTHERS * Math.max(LEAST_WORK_MS, usual) || workMs < usual + SLOWER_BY_MS))
      return [];
    const took = isSilent
      ? `answers none of its ${amount(Math.round(backend.inFlight), 'request')}`
      : `takes ${duration(workMs)} for a request`;
    return [
      {
        state: 'degraded',
        subject: `${name}/${backend.name}`,
        causeId: 'backend-slow',
        cause: `backend ${backend.name} of upstream ${name} ${took}, the others ${duration(usual)}`,
        next: 'look at its processor and its log; drain it if it does not recover',
      } as const,
    ];
  });
}

function failingBackends({ name, backends }: UpstreamSignals): Finding[] {
  return backends
    .filter(
      ({ isUp, failedPerSecond, endedPerSecond }) =>
        isUp !== false && failedPerSecond >= LEAST_PER_SECOND && failedPerSecond >= FAILED_SHARE * endedPerSecond,
    )
    .map((backend) =>
      failing(
        'backend-failing',
        'degraded',
        `${name}/${backend.name}`,
        `backend ${backend.name} of upstream ${name} fails ${rate(backend.failedPerSecond)} of ${rate(backend.endedPerSecond)}`,
      ),
    );
}

function ejectedBackends({ name, ejected, backends }: UpstreamSignals): Finding[] {
  if (ejected === 0) return [];
  return [
    {
      state: 'degraded',
      subject: name,
      causeId: 'backend-ejected',
      cause: `${ejected} of ${amount(backends.length, 'backend')} of upstream ${name} ${ejected === 1 ? 'is' : 'are'} set aside for failing too often`,
      next: 'look into the log of the backend; Rampart tries it again by itself',
    },
  ];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
