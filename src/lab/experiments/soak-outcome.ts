import { type Drift, type DriftSeries, judgeDrifts, LEAST_WINDOWS } from '../measure/drift.ts';
import type { Distribution } from '../measure/latency.ts';
import type { PlotOptions } from '../report/plot-options.ts';
import type { Gate, ExperimentOutcome } from '../report/run-record.ts';
import { signed } from '../report/tables.ts';
import type { System } from '../system/system.ts';
import { errorGate, failedGate, latencyGate, timeoutGate } from './gates.ts';
import { bottleneckOf, type Resources } from './bottleneck.ts';
import type { Mix } from '../load/mix.ts';
import { describeProfiles, type ProfileName } from './profiles.ts';
import { describeMix } from './slo-mix.ts';
import { labSeries, roleMemory, type SoakSeries, type SoakWindow, soakSeries, type WarmUp } from './soak-windows.ts';
import { disturbances, type Step } from './step.ts';
import { describeTargets, gatesAt, type Targets } from './targets.ts';

export interface SoakOptions {
  readonly system: System;
  readonly profile: ProfileName;
  /** In place of the profile. */
  readonly mix?: Mix;
  readonly users: number;
  readonly cycleDelayMs: number;
  readonly durationMs: number;
  readonly windowMs: number;
  readonly warmUp: WarmUp;
  readonly p99Ms: number | undefined;
  readonly targets: Targets;
  readonly resources: Resources;
}

const MS_PER_MINUTE = 60_000;
const MINUTES_PER_HOUR = 60;
/** Roles whose memory is drawn, as far as they are there. */
const drawnRoles = ['gateway', 'generator', 'control', 'postgres'];

/** The outcome of a soak, from its windows and from the whole of it. */
export function soakOutcome(windows: readonly SoakWindow[], whole: Step, options: SoakOptions): ExperimentOutcome {
  const { system, resources, durationMs, warmUp } = options;
  const hours = durationMs / MS_PER_MINUTE / MINUTES_PER_HOUR;
  const series = soakSeries(windows, warmUp);
  const drifts = judgeDrifts([...series.latency, ...series.memory, ...series.descriptors], hours);
  const lab = judgeDrifts([labSeries(windows, warmUp)], hours)[0] as Drift;
  const loadGates = loadGatesOf(whole, options);
  const driftGates = driftGatesOf(series, drifts);
  const isLoadKept = [...loadGates, ...driftGates.latency].every(({ passed }) => passed);
  return {
    ...head(options),
    series: [
      {
        name: system.name,
        loadUnit: 'users',
        settings: system.settings,
        steps: [whole],
        confirmations: [],
        usl: undefined,
        limit: bottleneckOf(whole, resources),
      },
    ],
    gates: [...loadGates, ...driftGates.latency, ...driftGates.leaks],
    findings: findingsOf(series, [...drifts, lab], warmUp),
    reasons: [
      ...whole.validity.reasons,
      // Other programs make a system slower; a leak is no work of theirs.
      ...(isLoadKept ? [] : disturbances(whole)),
      ...(lab.verdict === 'drifts' ? [`the lab itself grew: ${growth(lab)}`] : []),
      ...series.unknown.map((name) => `no process of ${name} stayed for ${LEAST_WINDOWS} windows after its warm-up`),
    ],
    timelines: timelinesOf(windows),
    drifts: [...drifts, lab],
  };
}

/** The outcome of a soak that was not started, because it could have shown nothing. */
export function tooShort(options: SoakOptions, windows: { count: number; judged: number }): ExperimentOutcome {
  const reason = `of its ${windows.count} windows ${windows.judged} come after the warm-up, and drift takes at least ${LEAST_WINDOWS} to tell from chance`;
  return { ...head(options), series: [], gates: [], findings: [], reasons: [reason] };
}

/** The outcome of a soak whose target ended during the run: the windows before that are too short for a verdict. */
export function goneOutcome(
  windows: readonly SoakWindow[],
  whole: Step | undefined,
  reason: string,
  options: SoakOptions,
): ExperimentOutcome {
  const known = whole === undefined ? { series: [] } : soakOutcome(windows, whole, options);
  return { ...head(options), ...known, gates: [], findings: [], reasons: [reason] };
}

function head({ profile, mix, users, cycleDelayMs, durationMs, windowMs, warmUp, p99Ms, targets }: SoakOptions) {
  const p99 = p99Ms === undefined ? '' : `, p99 at most ${p99Ms} ms`;
  return {
    scenario: `${mix === undefined ? profile : describeMix(mix)}; closed loop, ${users} users for ${durationMs / MS_PER_MINUTE} minutes`,
    configuration: {
      users: String(users),
      'cycle delay': `${cycleDelayMs} ms; who is refused waits as long as Retry-After says`,
      windows: `${windowMs / 1000} s`,
      'warm-up': `${minutes(warmUp.latencyMs)} for latencies, ${minutes(warmUp.processesMs)} for memory and descriptors, of a process that comes later from its start`,
      ...(mix === undefined ? { profiles: describeProfiles } : {}),
      targets:
        targets.endpoints === undefined
          ? `p95 of createBarcode at most ${targets.p95Ms} ms${p99}, errors and refusals at most ${targets.maxFailedShare * 100} %`
          : `${describeTargets(targets)}${p99}`,
      drift:
        'certain (Mann-Kendall, p below 1 % after Holm), and over the run more than 5 % and 1 ms, 4 MiB or 4 descriptors',
    },
    marks: { throughput: [], p95: [] },
  };
}

function loadGatesOf(whole: Step, { p99Ms, targets }: SoakOptions): Gate[] {
  const { figures, endpoints } = whole;
  const { errorShare, refusedShare, outcomes, latency } = figures;
  const failed = errorShare + refusedShare;
  const timeouts = outcomes.timeout ?? 0;
  const create = endpoints.find(({ endpoint }) => endpoint === 'createBarcode');
  return [
    errorGate('errors', errorShare),
    failedGate('errors and refusals', failed, targets.maxFailedShare),
    timeoutGate('client timeouts', timeouts),
    ...(create === undefined || targets.endpoints !== undefined
      ? []
      : [latencyGate('p95 of createBarcode', create.latency.p95Ms, targets.p95Ms)]),
    ...(targets.endpoints === undefined ? [] : gatesAt('this load', whole, targets)),
    ...(p99Ms === undefined ? [] : [latencyGate('p99', latency.p99Ms, p99Ms)]),
  ];
}

/** A gate for each group that has figures: a group without a process that was watched for long enough gets none. */
function driftGatesOf(series: SoakSeries, drifts: readonly Drift[]): { latency: Gate[]; leaks: Gate[] } {
  const gate = (name: string, group: SoakSeries['latency']): Gate[] => {
    const judged = drifts.filter((drift) => group.some((each) => each.name === drift.name));
    if (!group.some(isLongEnough)) return [];
    const growing = judged.filter(({ verdict }) => verdict === 'drifts');
    const unsure = judged.filter(({ verdict }) => verdict === 'too little known');
    const names = unsure.map((drift) => drift.name).join('; ');
    const rest = `${judged.length - unsure.length} steady${names === '' ? '' : `; too little is known of ${names}`}`;
    const got = growing.length === 0 ? rest : growing.map((drift) => `${drift.name} ${growth(drift)}`).join('; ');
    return [{ name, expected: 'none', got, passed: growing.length === 0 }];
  };
  return {
    latency: gate('upward drift of latency', series.latency),
    leaks: [...gate('leak of memory', series.memory), ...gate('leak of descriptors', series.descriptors)],
  };
}

function findingsOf(series: SoakSeries, drifts: readonly Drift[], { latencyMs, processesMs }: WarmUp): string[] {
  const told = drifts.filter(({ name, verdict }) => verdict === 'drifts' || name.startsWith('lab,'));
  return [
    `Not judged for drift, as warm-up: ${minutes(latencyMs)} of latencies, ${minutes(processesMs)} of memory and descriptors.`,
    ...told.map((drift) => `${drift.name}: ${drift.verdict}${describeGrowth(drift)}.`),
    ...series.replaced.map(
      ({ name, hours }) => `${name}: another process since minute ${(hours * MINUTES_PER_HOUR).toFixed(1)}.`,
    ),
    ...(series.memory.length === 0
      ? ['Memory and descriptors were not watched: the processes of this system are not known here.']
      : []),
    ...(series.memory.length > 0 && !series.memory.some(isLongEnough)
      ? ['Nothing is known of leaks: after the warm-up there are too few windows.']
      : []),
  ];
}

const isLongEnough = ({ values }: DriftSeries): boolean => values.length >= LEAST_WINDOWS;
const minutes = (ms: number): string => `${Number((ms / MS_PER_MINUTE).toFixed(1))} min`;

function timelinesOf(windows: readonly SoakWindow[]): PlotOptions[] {
  const xLabel = 'minutes';
  const line = (name: string, valueOf: (window: SoakWindow) => number): PlotOptions['lines'][number] => ({
    name,
    points: windows.map((window) => [window.toMs / MS_PER_MINUTE, valueOf(window)]),
  });
  const quantileLine = (name: string, quantile: keyof Distribution) => line(name, ({ latency }) => latency[quantile]);
  const endpoints = Object.keys((windows[0] as SoakWindow).p95ByEndpoint);
  const roles = drawnRoles.filter((role) => windows.some((window) => roleMemory(window, role) > 0));
  const lines = [
    { title: 'latency, ms', lines: (['p50', 'p95', 'p99'] as const).map((name) => quantileLine(name, `${name}Ms`)) },
    {
      title: 'p95 by endpoint, ms',
      lines: endpoints.map((name) => line(name, ({ p95ByEndpoint }) => p95ByEndpoint[name] ?? Number.NaN)),
    },
    { title: 'memory by role, MiB', lines: roles.map((role) => line(role, (window) => roleMemory(window, role))) },
  ];
  return lines.filter((plot) => plot.lines.length > 0).map((plot) => ({ ...plot, xLabel, marks: [] }));
}

const describeGrowth = (drift: Drift): string =>
  [drift.slopePerHour, drift.change, drift.median].every(Number.isFinite)
    ? `, ${growth(drift)}, median ${drift.median.toFixed(1)}`
    : '';

const growth = ({ unit, slopePerHour, change, p }: Drift): string =>
  `${signed(slopePerHour)} ${unit} an hour, ${signed(change)} over the run (p ${p < 0.001 ? 'below 0.001' : p.toFixed(3)})`;
