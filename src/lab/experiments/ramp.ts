import type { Gate, ExperimentOutcome, Series } from '../report/run-record.ts';
import type { Mix } from '../load/mix.ts';
import type { System } from '../system/system.ts';
import { known } from '../report/tables.ts';
import { describeClass } from './classify.ts';
import { describeKnee, kneeOf } from './knee.ts';
import { bottleneckOf, type Resources } from './bottleneck.ts';
import { describeMix } from './slo-mix.ts';
import { openStep, SETTLE_MS } from './open-step.ts';
import { disturbances, type LabContext, type Step } from './step.ts';
import { commonP95Ms, describeTargets, gatesAt, p95Marks, seriesTargets, type Targets, violations } from './targets.ts';

export interface RampOptions {
  readonly system: System;
  readonly from: number;
  readonly to: number;
  readonly by: number;
  readonly holdMs: number;
  /** The load that a release must carry. */
  readonly gatePerSecond: number;
  readonly targets: Targets;
  readonly resources: Resources;
  readonly mix: Mix;
}

/** A ramp ends here rather than press on: the share of arrivals that came to nothing. */
const STOP_FAILED_SHARE = 0.2;

/** Load that grows step by step, until the end or until a fifth of it fails; passes when the gate's load is carried. */
export async function ramp(options: RampOptions, context: LabContext): Promise<ExperimentOutcome> {
  const steps: Step[] = [];
  let stopped = '';
  const all = rates(options);
  for (const [index, rate] of all.entries()) {
    context.expect((all.length - index) * (SETTLE_MS + options.holdMs));
    const step = await openStep({ ...options, ratePerSecond: rate }, context);
    steps.push(step);
    const failed = step.figures.errorShare + step.figures.refusedShare;
    if (failed <= STOP_FAILED_SHARE) continue;
    stopped = `Stopped at ${rate} requests/s, where ${Math.round(failed * 100)} % came to nothing.`;
    break;
  }
  return rampOutcome(steps, stopped, options);
}

/** The gate's own rate is always among them. */
function rates({ from, to, by, gatePerSecond }: RampOptions): number[] {
  const steps = Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, index) => from + index * by);
  return [...new Set([...steps, gatePerSecond])].sort((left, right) => left - right);
}

/** The outcome of a ramp, from its steps. */
export function rampOutcome(steps: readonly Step[], stopped: string, options: RampOptions): ExperimentOutcome {
  const { system, from, to, by, holdMs, targets, resources } = options;
  const carried = steps.filter((step) => step.validity.valid && violations(step, targets).length === 0);
  const most = carried.at(-1);
  const { gatePerSecond } = options;
  const knee = kneeOf(steps, { p95Ms: commonP95Ms(targets) });
  const gates = gatesAt(`${gatePerSecond} requests/s`, atGate(steps, gatePerSecond), targets);
  const series: Series = {
    name: system.name,
    loadUnit: 'requests/s',
    settings: system.settings,
    steps,
    confirmations: [],
    usl: undefined,
    targets: seriesTargets(targets),
    knee: knee.load,
    limit: bottleneckOf(most ?? (steps[0] as Step), resources),
  };
  return {
    scenario: `${describeMix(options.mix)}; open loop, Poisson arrivals`,
    configuration: {
      load: `${from} to ${to} requests/s by ${by}, ${holdMs / 1000} s each`,
      targets: describeTargets(targets),
      'stop rule': `errors and refusals above ${STOP_FAILED_SHARE * 100} %`,
    },
    series: [series],
    gates,
    findings: [
      most === undefined
        ? 'No load was carried within the targets.'
        : `Carried within the targets: up to ${most.load.amount.toFixed(0)} requests/s, with p95 ${known(most.figures.latency.p95Ms, 1, ' ms')}.`,
      ...invalidSteps(steps),
      ...(stopped === '' ? [] : [stopped]),
      describeKnee(knee, 'requests/s') ?? 'No knee was seen.',
      describeClass(steps),
    ],
    reasons: rampReasons(steps, gates, gatePerSecond),
    marks: { throughput: [], p95: p95Marks(system.name, targets) },
  };
}

/** A step in which the sender was at fault says nothing about the system, so its load does not count as carried. */
function invalidSteps(steps: readonly Step[]): string[] {
  return steps
    .filter(({ validity }) => !validity.valid)
    .map(
      ({ load, validity }) =>
        `Nothing is known of ${load.amount.toFixed(0)} requests/s, as that step is invalid: ${validity.reasons.join('; ')}.`,
    );
}

const atGate = (steps: readonly Step[], gate: number): Step | undefined =>
  steps.find(({ load }) => Math.abs(load.amount - gate) < 1);

/** The step that decides must be sound: that of the gate, or the one before it that stopped the ramp. */
function rampReasons(steps: readonly Step[], gates: readonly Gate[], gate: number): string[] {
  const step = atGate(steps, gate) ?? (steps.at(-1) as Step);
  const isKept = gates.every(({ passed }) => passed);
  return [...step.validity.reasons, ...(isKept ? [] : disturbances(step))];
}
