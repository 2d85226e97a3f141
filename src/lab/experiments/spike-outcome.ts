import type { Spike } from '../load/user-ramp.ts';
import type { Figures } from '../measure/figures.ts';
import type { PlotOptions } from '../report/plot-options.ts';
import type { Gate, ExperimentOutcome } from '../report/run-record.ts';
import { known, percent } from '../report/tables.ts';
import type { System } from '../system/system.ts';
import type { Mix } from '../load/mix.ts';
import { bottleneckOf, type Resources } from './bottleneck.ts';
import { describeMix } from './slo-mix.ts';
import { failedGate } from './gates.ts';
import { disturbances, type Step } from './step.ts';
import { describeTargets, type Targets, violations } from './targets.ts';

export interface SpikeOptions extends Spike {
  readonly system: System;
  readonly mix: Mix;
  readonly cycleDelayMs: number;
  /** p95 while the crowd is there, against that of the normal load: at most so many times. */
  readonly heldFactor: number;
  /** The part with the normal load. */
  readonly targets: Targets;
  readonly resources: Resources;
}

export interface SpikePhases {
  readonly normal: Step;
  readonly rise: Step;
  readonly held: Step;
  readonly recovery: Step;
}

/** A second of the run; its latencies are those of admitted requests. */
export interface SpikeSecond {
  readonly atMs: number;
  readonly users: number;
  readonly figures: Figures;
}

export interface SpikeMeasured {
  readonly phases: SpikePhases;
  readonly seconds: readonly SpikeSecond[];
  /** The figures of the whole run, settling included. */
  readonly whole: Figures;
}

/** p95 against that of the normal load, after the crowd has left. */
const RECOVERED_FACTOR = 1.5;

export function spikeOutcome({ phases, seconds, whole }: SpikeMeasured, options: SpikeOptions): ExperimentOutcome {
  const { system, normalUsers, peakUsers, normalMs, riseMs, holdMs, recoveryMs, targets } = options;
  const steps = Object.values(phases) as Step[];
  const gates = gatesOf(phases, whole, options);
  const isKept = gates.every(({ passed }) => passed);
  return {
    scenario: `${describeMix(options.mix)}; closed loop, ${normalUsers} users, ${peakUsers} for a while`,
    configuration: {
      users: `${normalUsers} for ${normalMs / 1000} s, up to ${peakUsers} within ${riseMs / 1000} s, held for ${holdMs / 1000} s, ${normalUsers} for ${recoveryMs / 1000} s`,
      'cycle delay': `${options.cycleDelayMs} ms; who is refused waits as long as Retry-After says`,
      'targets of the normal load': describeTargets(targets),
    },
    series: [
      {
        name: system.name,
        loadUnit: 'users',
        settings: system.settings,
        steps,
        confirmations: [],
        usl: undefined,
        limit: bottleneckOf(phases.held, options.resources),
      },
    ],
    gates,
    findings: findingsOf(phases, seconds),
    reasons: [
      ...new Set(steps.flatMap(({ validity }) => validity.reasons)),
      ...(isKept ? [] : disturbances(mostDisturbed(steps))),
    ],
    marks: { throughput: [], p95: [] },
    timelines: timelinesOf(phases, seconds, options.heldFactor),
  };
}

const mostDisturbed = (steps: readonly Step[]): Step =>
  steps.reduce((most, step) => (step.use.foreignCpuShare > most.use.foreignCpuShare ? step : most));

function gatesOf(
  { normal, held, recovery }: SpikePhases,
  { outcomes }: Figures,
  { targets, heldFactor }: SpikeOptions,
): Gate[] {
  const normalMs = normal.figures.latency.p95Ms;
  const errors = outcomes['5xx'] ?? 0;
  const unanswered = (outcomes.timeout ?? 0) + (outcomes['connection-error'] ?? 0);
  const wrong = violations(normal, targets);
  return [
    {
      name: 'normal load',
      expected: describeTargets(targets),
      got: wrong.length === 0 ? `p95 ${known(normalMs, 1, ' ms')}` : wrong.join('; '),
      passed: wrong.length === 0,
    },
    { name: '5xx other than 503', expected: 'none', got: String(errors), passed: errors === 0 },
    { name: 'timeouts and lost connections', expected: 'none', got: String(unanswered), passed: unanswered === 0 },
    factorGate('p95 of those let in, while held', held.figures.latency.p95Ms / normalMs, heldFactor),
    factorGate('p95 afterwards', recovery.figures.latency.p95Ms / normalMs, RECOVERED_FACTOR),
    failedGate(
      'errors and refusals afterwards',
      recovery.figures.errorShare + recovery.figures.refusedShare,
      targets.maxFailedShare,
    ),
  ];
}

const factorGate = (name: string, factor: number, limit: number): Gate => ({
  name,
  expected: `below ${limit} × that of the normal load`,
  got: known(factor, 2, ' ×'),
  passed: factor < limit,
});

function findingsOf({ normal, rise, held, recovery }: SpikePhases, seconds: readonly SpikeSecond[]): string[] {
  const refused = (step: Step): string =>
    `${step.figures.outcomes.refused ?? 0} of ${step.figures.requests} requests (${percent(step.figures.refusedShare, 2)})`;
  const p95 = ({ figures }: Step): string => known(figures.latency.p95Ms, 1, ' ms');
  return [
    `p95 of those let in: ${p95(normal)} normally, ${p95(held)} while held, ${p95(recovery)} afterwards.`,
    `Served: ${normal.figures.throughputPerSecond.toFixed(1)} requests/s normally, ${held.figures.throughputPerSecond.toFixed(1)} while held.`,
    `Refused: ${refused(rise)} in the rise, ${refused(held)} while held; who is refused waits as long as Retry-After says.`,
    recoveredAfter(seconds, normal, recovery),
  ];
}

/** Seconds from the crowd's leaving to the first one from which on p95 stays within its limit. */
function recoveredAfter(seconds: readonly SpikeSecond[], normal: Step, recovery: Step): string {
  const count = Math.round(recovery.load.durationMs / 1000);
  const limitMs = RECOVERED_FACTOR * normal.figures.latency.p95Ms;
  if (!Number.isFinite(limitMs)) return 'Nothing is known of the recovery, as nothing of the normal load succeeded.';
  const after = seconds.slice(-count);
  // A second without a success has no latency, so the system has not recovered in it.
  const late = after.findLastIndex(({ figures }) => figures.requests > 0 && !(figures.latency.p95Ms <= limitMs));
  if (late === after.length - 1)
    return `In the last second p95 was still above ${RECOVERED_FACTOR} × that of the normal load.`;
  return `p95 stays below ${RECOVERED_FACTOR} × that of the normal load from second ${late + 2} after the crowd has left.`;
}

function timelinesOf({ normal }: SpikePhases, seconds: readonly SpikeSecond[], heldFactor: number): PlotOptions[] {
  const line = (name: string, valueOf: (second: SpikeSecond) => number): PlotOptions['lines'][number] => ({
    name,
    points: seconds.map((second) => [second.atMs / 1000, valueOf(second)]),
  });
  const limitMs = heldFactor * normal.figures.latency.p95Ms;
  return [
    {
      title: 'latency of those let in, ms',
      xLabel: 'seconds',
      lines: (['p50', 'p95', 'p99'] as const).map((name) => line(name, ({ figures }) => figures.latency[`${name}Ms`])),
      marks: Number.isFinite(limitMs)
        ? [{ name: `${heldFactor} × the normal p95: ${limitMs.toFixed(1)}`, y: limitMs }]
        : [],
    },
    {
      title: 'users, and refusals a second',
      xLabel: 'seconds',
      lines: [
        line('users', ({ users }) => users),
        line('refused', ({ figures }) => figures.refusedShare * figures.offeredPerSecond),
      ],
      marks: [],
    },
    {
      title: 'throughput, requests/s',
      xLabel: 'seconds',
      lines: [line('served', ({ figures }) => figures.throughputPerSecond)],
      marks: [],
    },
  ];
}
