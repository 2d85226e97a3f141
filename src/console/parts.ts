import type { BackendView, EndpointView, LiveView, ProcessView, WorkerView } from '../protocol/live-view.ts';
import { barCell, type PartState, sparkCell, stateCell, textCell } from './cells.ts';
import { bytesText, countText, msText, rateText, partText, spanText } from './format.ts';
import type { Column } from './live-table.ts';

/** A backend with the names by which the admin API knows it. */
export interface BackendRow extends BackendView {
  readonly upstream: string;
  readonly name: string;
}

export interface ProcessRow extends Partial<Omit<WorkerView, keyof ProcessView>>, ProcessView {
  readonly id: string;
  readonly nowMs: number;
  readonly version: number;
}

export interface EndpointRow extends EndpointView {
  readonly name: string;
}

export const backendRows = ({ upstreams }: LiveView): BackendRow[] =>
  Object.entries(upstreams).flatMap(([upstream, { backends }]) =>
    Object.entries(backends).map(([name, backend]) => ({ ...backend, upstream, name })),
  );

export const upstreamLines = ({ upstreams }: LiveView): Record<string, string> =>
  Object.fromEntries(
    Object.entries(upstreams).map(([name, { inFlight, cap, queued, streams, requestsPerSecond }]) => {
      const parts = [
        `${countText(inFlight)} of ${countText(cap)} in flight`,
        `${countText(queued)} waiting`,
        ...(streams > 0 ? [`${countText(streams)} streams`] : []),
        `${rateText(requestsPerSecond)} /s`,
      ];
      return [name, parts.join(' · ')];
    }),
  );

export function backendState({ up, problem, isEjected, isDrained, inFlight }: BackendRow): PartState {
  if (isDrained) return { look: 'quiet', word: inFlight > 0 ? 'draining' : 'drained' };
  if (up === false) return { look: 'bad', word: 'down', detail: problem ?? undefined };
  if (isEjected) return { look: 'warning', word: 'ejected', detail: problem ?? undefined };
  if (typeof up !== 'boolean') return { look: 'quiet', word: 'not checked' };
  return { look: 'good', word: 'up' };
}

export const isBackendWell = (row: BackendRow): boolean =>
  row.up !== false && !row.isEjected && !row.isDrained && row.failedPerSecond === 0;

export const backendColumns: readonly Column<BackendRow>[] = [
  {
    head: 'Backend',
    meaning: 'Its name in the admin API',
    cell: textCell(({ name }) => name),
    sortBy: ({ name }) => name,
  },
  {
    head: 'State',
    meaning: 'By health checks, by ejection, or by order of a person',
    cell: stateCell(backendState),
    sortBy: (row) => backendState(row).look,
  },
  {
    head: 'In flight',
    meaning: 'Requests in flight, of its cap: rampart_backend_in_flight, rampart_backend_cap',
    cell: barCell(
      ({ inFlight, cap }) => (cap > 0 ? inFlight / cap : 0),
      ({ inFlight, cap }) => `${countText(inFlight)} of ${countText(cap)}`,
    ),
    sortBy: ({ inFlight, cap }) => (cap > 0 ? inFlight / cap : 0),
    room: 'bar',
    isNumber: true,
  },
  {
    head: 'Requests',
    meaning: 'Requests a second, with the last minute: rampart_backend_requests_total',
    cell: sparkCell(
      ({ requestsPerSecond }) => requestsPerSecond,
      ({ requestsPerSecond }) => `${rateText(requestsPerSecond)} /s`,
    ),
    sortBy: ({ requestsPerSecond }) => requestsPerSecond,
    room: 'spark',
    isNumber: true,
  },
  {
    head: 'Failed',
    meaning: 'Failures a second: rampart_backend_requests_total with another outcome than success',
    cell: textCell(({ failedPerSecond }) => (failedPerSecond > 0 ? `▲ ${rateText(failedPerSecond)} /s` : '0')),
    sortBy: ({ failedPerSecond }) => failedPerSecond,
    isNumber: true,
    isWide: true,
  },
];

export const processRows = (view: LiveView): ProcessRow[] => [
  ...Object.entries(view.workers).map(([id, worker], index) => {
    const instance = Number(/\d+$/.exec(id)?.[0] ?? index);
    return {
      ...worker,
      id: nameOf('gateway', id),
      role: 'gateway',
      instance,
      nowMs: view.atMs,
      version: view.config.version,
    };
  }),
  ...Object.entries(view.processes).map(([id, one]) => ({
    ...one,
    id: nameOf(one.role, id),
    nowMs: view.atMs,
    version: view.config.version,
  })),
];

/** An id such as 0 alone would not say what it is. */
const nameOf = (role: string, id: string): string => (/^\d+$/.test(id) ? `${role}-${id}` : id);

export function processState({ silentMs, configVersion, version }: ProcessRow): PartState {
  if (typeof silentMs === 'number') return { look: 'bad', word: 'silent', detail: `for ${spanText(silentMs)}` };
  if (typeof configVersion === 'number' && configVersion !== version)
    return { look: 'warning', word: 'other version', detail: `${configVersion} of the configuration` };
  return { look: 'good', word: 'reports' };
}

export const processColumns: readonly Column<ProcessRow>[] = [
  { head: 'Process', meaning: 'Role and number', cell: textCell(({ id }) => id), sortBy: ({ id }) => id },
  {
    head: 'State',
    meaning: 'Whether it reports, with the configuration in force',
    cell: stateCell(processState),
    sortBy: (row) => processState(row).look,
  },
  {
    head: 'Processor',
    meaning: 'Time on a processor, of one whole processor: process_cpu_seconds_total',
    cell: barCell(
      ({ processors }) => processors ?? undefined,
      ({ processors }) => partText(processors),
    ),
    sortBy: ({ processors }) => processors ?? -1,
    room: 'bar',
    isNumber: true,
  },
  {
    head: 'Requests',
    meaning: 'Requests a second, with the last minute: rampart_requests_total',
    cell: sparkCell(
      ({ requestsPerSecond }) => requestsPerSecond,
      ({ requestsPerSecond }) => (requestsPerSecond === undefined ? '–' : `${rateText(requestsPerSecond)} /s`),
    ),
    sortBy: ({ requestsPerSecond }) => requestsPerSecond ?? -1,
    room: 'spark',
    isNumber: true,
  },
  {
    head: 'Connections',
    meaning: 'Connections of clients that are open',
    cell: textCell(({ connections }) => countText(connections)),
    sortBy: ({ connections }) => connections ?? -1,
    isNumber: true,
    isWide: true,
  },
  {
    head: 'Memory',
    meaning: 'Resident memory: process_resident_memory_bytes',
    cell: textCell(({ rssBytes }) => bytesText(rssBytes)),
    sortBy: ({ rssBytes }) => rssBytes ?? -1,
    isNumber: true,
    isWide: true,
  },
  {
    head: 'Loop delay',
    meaning: 'Event-loop delay, p99: rampart_event_loop_delay_seconds',
    cell: textCell(({ eventLoopP99Ms }) => msText(eventLoopP99Ms)),
    sortBy: ({ eventLoopP99Ms }) => eventLoopP99Ms ?? -1,
    isNumber: true,
    isWide: true,
  },
  {
    head: 'Up for',
    meaning: 'Time since its start',
    cell: textCell(({ startedAtMs, nowMs }) => spanText(nowMs - startedAtMs)),
    sortBy: ({ startedAtMs }) => startedAtMs,
    isNumber: true,
    isWide: true,
  },
];

/** Those that have had a request, or have promised something: the others would only hide them. */
export const endpointRows = ({ endpoints }: LiveView): EndpointRow[] =>
  Object.entries(endpoints)
    .filter(([, { requestsPerSecond, inFlight, p95Ms, targetP95Ms }]) =>
      [requestsPerSecond, inFlight, p95Ms, targetP95Ms].some((figure) => (figure ?? 0) > 0),
    )
    .map(([name, endpoint]) => ({ ...endpoint, name }));

export function endpointState({
  errorShare,
  refusedPerSecond,
  p95Ms,
  targetP95Ms,
  budgetLeft,
}: EndpointRow): PartState {
  if (typeof budgetLeft === 'number' && budgetLeft <= 0) return { look: 'bad', word: 'budget spent' };
  if (errorShare > 0.01) return { look: 'bad', word: 'fails', detail: partText(errorShare) };
  if (typeof p95Ms === 'number' && typeof targetP95Ms === 'number' && p95Ms > targetP95Ms)
    return { look: 'warning', word: 'slow' };
  if (refusedPerSecond > 0) return { look: 'warning', word: 'refuses', detail: `${rateText(refusedPerSecond)} /s` };
  return { look: 'good', word: 'well' };
}

export const isEndpointWell = (row: EndpointRow): boolean => endpointState(row).look === 'good';

export const endpointColumns: readonly Column<EndpointRow>[] = [
  {
    head: 'Endpoint',
    meaning: 'The name of the route',
    cell: textCell(({ name }) => name),
    sortBy: ({ name }) => name,
  },
  {
    head: 'State',
    meaning: 'Against its promises',
    cell: stateCell(endpointState),
    sortBy: (row) => endpointState(row).look,
  },
  {
    head: 'p95 of promise',
    meaning: 'Latency p95, of the promise of slo.yaml: rampart_latency_seconds',
    cell: barCell(
      ({ p95Ms, targetP95Ms }) =>
        typeof p95Ms === 'number' && typeof targetP95Ms === 'number' ? p95Ms / targetP95Ms : undefined,
      ({ p95Ms, targetP95Ms }) =>
        typeof p95Ms === 'number' && typeof targetP95Ms === 'number'
          ? `${msText(p95Ms)} of ${msText(targetP95Ms)}`
          : msText(p95Ms),
    ),
    sortBy: ({ p95Ms }) => p95Ms ?? -1,
    room: 'bar',
    isNumber: true,
  },
  {
    head: 'Requests',
    meaning: 'Requests a second, with the last minute: rampart_requests_total',
    cell: sparkCell(
      ({ requestsPerSecond }) => requestsPerSecond,
      ({ requestsPerSecond }) => `${rateText(requestsPerSecond)} /s`,
    ),
    sortBy: ({ requestsPerSecond }) => requestsPerSecond,
    room: 'spark',
    isNumber: true,
  },
  {
    head: 'In flight',
    meaning: 'Requests in flight: rampart_in_flight',
    cell: textCell(({ inFlight }) => countText(inFlight)),
    sortBy: ({ inFlight }) => inFlight,
    isNumber: true,
    isWide: true,
  },
  {
    head: 'Refused',
    meaning: 'Refused a second: rampart_rejections_total',
    cell: textCell(({ refusedPerSecond }) => (refusedPerSecond > 0 ? `${rateText(refusedPerSecond)} /s` : '0')),
    sortBy: ({ refusedPerSecond }) => refusedPerSecond,
    isNumber: true,
    isWide: true,
  },
  {
    head: 'Errors',
    meaning: 'Replies with a 5xx that are no refusals, of all replies: rampart_errors_total',
    cell: textCell(({ errorShare }) => (errorShare > 0 ? partText(errorShare) : '0')),
    sortBy: ({ errorShare }) => errorShare,
    isNumber: true,
    isWide: true,
  },
  {
    head: 'Budget left',
    meaning: 'What is left of its error budget, of the objective that has least',
    cell: barCell(
      ({ budgetLeft }) => budgetLeft ?? undefined,
      ({ budgetLeft }) => partText(budgetLeft),
    ),
    sortBy: ({ budgetLeft }) => budgetLeft ?? 2,
    room: 'bar',
    isNumber: true,
    isWide: true,
  },
];
