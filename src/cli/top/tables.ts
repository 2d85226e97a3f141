import type { LiveView } from '../../protocol/live-view.ts';
import type { Pen } from './style.ts';
import { age, figure, megabytes, shownMs, percentage } from './text.ts';

export const tableNames = ['backends', 'endpoints', 'processes'] as const;
export type TableName = (typeof tableNames)[number];

interface Column {
  readonly title: string;
  readonly isText?: boolean;
  /** Shown from this many columns of the terminal on. */
  readonly from?: number;
}

/** A row with the values that it is sorted by and the cells that are shown. */
export interface TopRow {
  readonly name: string;
  /** By column; higher comes first. */
  readonly keys: readonly (number | string)[];
  readonly cells: readonly string[];
  /** It needs a look. */
  readonly isBad: boolean;
  readonly detail: readonly (readonly [string, string])[];
}

export interface TopTable {
  readonly name: TableName;
  readonly columns: readonly Column[];
  readonly rows: readonly TopRow[];
}

export function tableOf(name: TableName, view: LiveView, pen: Pen): TopTable {
  if (name === 'backends') return { name, columns: backendColumns, rows: backendRows(view, pen) };
  return name === 'endpoints'
    ? { name, columns: endpointColumns, rows: endpointRows(view, pen) }
    : { name, columns: processColumns, rows: processRows(view, pen) };
}

const BAR = 8;

const backendColumns: readonly Column[] = [
  { title: 'BACKEND', isText: true },
  { title: 'STATE', isText: true },
  { title: 'IN FLIGHT', isText: true },
  { title: 'REQ/S' },
  { title: 'FAILED/S' },
  { title: 'LEASED', from: 100 },
];

function backendRows({ upstreams }: LiveView, pen: Pen): TopRow[] {
  return Object.entries(upstreams).flatMap(([upstream, { backends, queued }]) =>
    Object.entries(backends).map(([id, backend]): TopRow => {
      const name = `${upstream}/${id}`;
      const { up, isEjected, isDrained, inFlight, cap, requestsPerSecond, failedPerSecond, leased, problem } = backend;
      const state = isDrained
        ? 'drained'
        : up === false
          ? 'DOWN'
          : isEjected
            ? 'set aside'
            : up === null
              ? 'unchecked'
              : 'up';
      const isBad = up === false || isEjected;
      return {
        name,
        keys: [name, state, cap === 0 ? 0 : inFlight / cap, requestsPerSecond, failedPerSecond, leased],
        cells: [
          name,
          pen.paint(state, up === false ? 'red' : isEjected ? 'yellow' : undefined),
          `${pen.bar(cap === 0 ? 0 : inFlight / cap, BAR)} ${inFlight}/${cap}`,
          figure(requestsPerSecond),
          figure(failedPerSecond),
          String(leased),
        ],
        isBad,
        detail: [
          ['origin', backend.origin],
          ['state', state],
          ['problem', problem === null ? 'none' : problem],
          ['in flight', `${inFlight} of ${cap}, ${leased} leased to workers`],
          ['requests/s', `${figure(requestsPerSecond)}, ${figure(failedPerSecond)} failed`],
          ['waiting for the upstream', String(queued)],
        ],
      };
    }),
  );
}

const endpointColumns: readonly Column[] = [
  { title: 'ENDPOINT', isText: true },
  { title: 'REQ/S' },
  { title: 'P95' },
  { title: 'TARGET', from: 70 },
  { title: 'ERRORS' },
  { title: 'REFUSED/S' },
  { title: 'OPEN', from: 80 },
  { title: 'P99', from: 100 },
  { title: 'BUDGET', from: 100 },
];

function endpointRows({ endpoints }: LiveView, pen: Pen): TopRow[] {
  return Object.entries(endpoints).map(([id, endpoint]): TopRow => {
    const { requestsPerSecond, p95Ms, p99Ms, targetP95Ms, errorShare, refusedPerSecond, inFlight, budgetLeft } =
      endpoint;
    const isLate = targetP95Ms !== null && p95Ms !== null && p95Ms > targetP95Ms;
    const budget = budgetLeft === null ? '-' : percentage(budgetLeft);
    return {
      name: id,
      keys: [
        id,
        requestsPerSecond,
        p95Ms ?? -1,
        targetP95Ms ?? -1,
        errorShare,
        refusedPerSecond,
        inFlight,
        p99Ms ?? -1,
        budgetLeft ?? 2,
      ],
      cells: [
        id,
        figure(requestsPerSecond),
        pen.paint(shownMs(p95Ms), isLate ? 'yellow' : undefined),
        shownMs(targetP95Ms),
        percentage(errorShare),
        figure(refusedPerSecond),
        String(inFlight),
        shownMs(p99Ms),
        budget,
      ],
      isBad: isLate || errorShare >= 0.01 || refusedPerSecond > 0,
      detail: [
        ['requests/s', figure(requestsPerSecond)],
        ['p95, p99', `${shownMs(p95Ms)}, ${shownMs(p99Ms)}`],
        ['promised p95', shownMs(targetP95Ms)],
        ['errors', percentage(errorShare)],
        ['refused/s', figure(refusedPerSecond)],
        ['open requests', String(inFlight)],
        ['error budget left', budget],
      ],
    };
  });
}

const processColumns: readonly Column[] = [
  { title: 'PROCESS', isText: true },
  { title: 'PID' },
  { title: 'UP FOR' },
  { title: 'CPU' },
  { title: 'MEMORY' },
  { title: 'LOOP P99' },
  { title: 'REQ/S' },
  { title: 'OPEN', from: 80 },
  { title: 'CONFIG', from: 80 },
];

function processRows({ workers, processes, atMs }: LiveView, pen: Pen): TopRow[] {
  return membersOf(workers, processes).map((one): TopRow => {
    const { name, pid, processors, rssBytes, eventLoopP99Ms, requestsPerSecond, inFlight, configVersion, silentMs } =
      one;
    const up = silentMs === null ? age(atMs - one.startedAtMs) : pen.paint(`silent ${age(silentMs)}`, 'yellow');
    const cpu = processors === null ? '-' : percentage(processors);
    return {
      name,
      keys: [
        name,
        pid,
        atMs - one.startedAtMs,
        processors ?? -1,
        rssBytes ?? -1,
        eventLoopP99Ms ?? -1,
        requestsPerSecond ?? -1,
        inFlight ?? -1,
        configVersion ?? -1,
      ],
      cells: [
        name,
        String(pid),
        up,
        cpu,
        megabytes(rssBytes),
        shownMs(eventLoopP99Ms),
        requestsPerSecond === null ? '-' : figure(requestsPerSecond),
        inFlight === null ? '-' : String(inFlight),
        configVersion === null ? '-' : String(configVersion),
      ],
      isBad: silentMs !== null,
      detail: [
        ['pid', String(pid)],
        ['up for', age(atMs - one.startedAtMs)],
        ['processor', cpu],
        ['memory', megabytes(rssBytes)],
        ['event-loop delay, p99', shownMs(eventLoopP99Ms)],
        ['requests/s', requestsPerSecond === null ? '-' : figure(requestsPerSecond)],
      ],
    };
  });
}

/** Gateway workers and the other processes, as rows of one kind. */
function membersOf(workers: LiveView['workers'], processes: LiveView['processes']) {
  const others = { requestsPerSecond: null, inFlight: null, configVersion: null, silentMs: null };
  return [
    ...Object.entries(workers).map(([name, worker]) => ({ name, ...worker })),
    ...Object.entries(processes).map(([name, one]) => ({ name, ...one, ...others })),
  ];
}
