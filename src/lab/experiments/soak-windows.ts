import type { Window } from '../measure/figures.ts';
import type { Distribution } from '../measure/latency.ts';
import type { Validity } from '../measure/validity.ts';
import { type DriftSeries, LEAST_WINDOWS } from '../measure/drift.ts';
import type { ProcessUse, SystemUse } from '../system/process-watch.ts';

/** The kept figures of a stretch of a soak. */
export interface SoakWindow extends Window {
  /** The figures of all requests, and those of each endpoint. */
  readonly latency: Distribution;
  readonly p95ByEndpoint: Readonly<Record<string, number>>;
  readonly validity: Validity;
  readonly use: SystemUse;
  readonly lab: ProcessUse | undefined;
  /** p99 of the event loop's delay by role, in milliseconds; missing if the system does not export it. */
  readonly delayByRole: Readonly<Record<string, number>>;
}

/** Series that are judged together, and what came of processes that did not stay. */
export interface SoakSeries {
  readonly latency: readonly DriftSeries[];
  readonly memory: readonly DriftSeries[];
  readonly descriptors: readonly DriftSeries[];
  /** In place of whose process another came: name, and hours from the start of the run. */
  readonly replaced: readonly { readonly name: string; readonly hours: number }[];
  /** Groups of which no process ran long enough for a verdict, although processes of other groups did. */
  readonly unknown: readonly string[];
}

/** The time that is not judged, counted from the start of the run, and for a later process from the start of that process. */
export interface WarmUp {
  /** Not judged of latencies: V8 compiles, and connections are opened. */
  readonly latencyMs: number;
  /** Not judged of memory and descriptors: heaps grow, and caches fill until their entries expire. */
  readonly processesMs: number;
}

const MS_PER_HOUR = 3_600_000;
const BYTES_PER_MIB = 1024 ** 2;
/** Their processes come and go with connections: only together do they say something, and their number counts too. */
const pooled = new Set(['postgres', 'other']);

/** The figures of the windows after the warm-up: of each endpoint and each process. */
export function soakSeries(windows: readonly SoakWindow[], { latencyMs, processesMs }: WarmUp): SoakSeries {
  const warm = warmWindows(windows, latencyMs);
  const warmProcesses = warmWindows(windows, processesMs);
  const endpoints = namesIn(warm.map(({ p95ByEndpoint }) => p95ByEndpoint));
  const roles = namesIn(warm.map(({ delayByRole }) => delayByRole));
  const ofWarm = (name: string, valueOf: (window: SoakWindow) => number | undefined): DriftSeries =>
    seriesOf(warm, { name, unit: 'ms' }, valueOf);
  const pools = [...pooled].filter((role) =>
    windows.some(({ use }) => use.processes.some((each) => each.role === role)),
  );
  const lives = livesOf(windows);
  const known = (life: Life): SoakWindow[] => warmWindows(life.windows, processesMs);
  const single = (unit: DriftSeries['unit'], what: string, valueOf: (use: ProcessUse) => number): DriftSeries[] =>
    lives.map((life) =>
      seriesOf(known(life), { name: `${life.name}${life.suffix}, ${what}`, unit }, ({ use }) => {
        const found = use.processes.find(({ pid }) => pid === life.pid);
        return found === undefined ? undefined : valueOf(found);
      }),
    );
  const together = (unit: DriftSeries['unit'], what: string, valueOf: (use: ProcessUse) => number): DriftSeries[] =>
    pools.map((role) =>
      seriesOf(warmProcesses, { name: `${role} (all), ${what}`, unit }, ({ use }) => sumOf(use, role, valueOf)),
    );
  const memory = ({ ownBytes }: ProcessUse): number => ownBytes / BYTES_PER_MIB;
  const descriptors = (use: ProcessUse): number => use.descriptors;
  return {
    latency: [
      ...endpoints.map((name) => ofWarm(`${name}, p95`, ({ p95ByEndpoint }) => p95ByEndpoint[name])),
      ...roles.map((name) => ofWarm(`${name}, event loop p99`, ({ delayByRole }) => delayByRole[name])),
    ],
    memory: [...single('MiB', 'memory', memory), ...together('MiB', 'memory', memory)],
    descriptors: [
      ...single('descriptors', 'descriptors', descriptors),
      ...together('descriptors', 'descriptors', descriptors),
    ],
    replaced: lives
      .filter(({ suffix }) => suffix !== '')
      .map(({ name, first }) => ({ name, hours: (windows[first] as SoakWindow).fromMs / MS_PER_HOUR })),
    unknown: [...new Set(lives.map(({ name }) => name))].filter(
      (name) =>
        warmProcesses.length >= LEAST_WINDOWS &&
        lives.every((life) => life.name !== name || known(life).length < LEAST_WINDOWS),
    ),
  };
}

/** The lab's own memory, by which it shows that it does not grow itself. */
export function labSeries(windows: readonly SoakWindow[], { processesMs }: WarmUp): DriftSeries {
  const warm = warmWindows(windows, processesMs);
  return seriesOf(warm, { name: 'lab, memory', unit: 'MiB' }, ({ lab }) => lab && lab.ownBytes / BYTES_PER_MIB);
}

/** The windows that begin at least this long after the first one. */
function warmWindows(windows: readonly SoakWindow[], warmUpMs: number): SoakWindow[] {
  const fromMs = (windows[0]?.fromMs ?? 0) + warmUpMs;
  // By their middle, as windows are cut off a little after their time.
  return windows.filter((window) => (window.fromMs + window.toMs) / 2 > fromMs);
}

/** Memory of all processes of a role, in MiB. */
export const roleMemory = ({ use }: SoakWindow, role: string): number =>
  sumOf(use, role, ({ ownBytes }) => ownBytes) / BYTES_PER_MIB;

/** A process from when it is first seen until it is seen no more. */
interface Life {
  readonly name: string;
  readonly pid: number;
  /** Index of the window in which it was first seen. */
  readonly first: number;
  readonly windows: SoakWindow[];
  /** Says that it is not the first of its name. */
  readonly suffix: string;
}

function livesOf(windows: readonly SoakWindow[]): Life[] {
  const lives = new Map<number, Life>();
  for (const [index, window] of windows.entries()) {
    for (const { role, instance, pid } of window.use.processes) {
      if (pooled.has(role)) continue;
      const life = lives.get(pid);
      if (life !== undefined) {
        life.windows.push(window);
        continue;
      }
      const name = `${role} ${instance}`;
      const before = [...lives.values()].filter((each) => each.name === name).length;
      const suffix = before === 0 ? '' : ` (process ${before + 1})`;
      lives.set(pid, { name, pid, first: index, windows: [window], suffix });
    }
  }
  return [...lives.values()];
}

function seriesOf(
  windows: readonly SoakWindow[],
  { name, unit }: Pick<DriftSeries, 'name' | 'unit'>,
  valueOf: (window: SoakWindow) => number | undefined,
): DriftSeries {
  const points = windows.flatMap((window) => {
    const value = valueOf(window);
    return value === undefined || Number.isNaN(value) ? [] : [{ hours: window.toMs / MS_PER_HOUR, value }];
  });
  return { name, unit, hours: points.map(({ hours }) => hours), values: points.map(({ value }) => value) };
}

const namesIn = (records: readonly Readonly<Record<string, number>>[]): string[] => [
  ...new Set(records.flatMap((record) => Object.keys(record))),
];

const sumOf = ({ processes }: SystemUse, role: string, valueOf: (use: ProcessUse) => number): number =>
  processes.filter((use) => use.role === role).reduce((sum, use) => sum + valueOf(use), 0);
