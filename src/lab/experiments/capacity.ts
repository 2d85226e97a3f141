import type { Gate, ExperimentOutcome, Series } from '../report/run-record.ts';
import { requestsNeeded } from '../statistics/early-stopping.ts';
import type { Mix } from '../load/mix.ts';
import type { System } from '../system/system.ts';
import { type Move, nextMove, type Probe, probesLeft } from './capacity-search.ts';
import { bottleneckOf, type Resources } from './bottleneck.ts';
import { describeMix } from './slo-mix.ts';
import { openStep, SETTLE_MS } from './open-step.ts';
import { disturbances, type LabContext, type Step } from './step.ts';
import { describeTargets, p95Marks, seriesTargets, type Targets, violations } from './targets.ts';

export interface CapacityOptions {
  readonly system: System;
  readonly guess: number;
  readonly holdMs: number;
  readonly confirmMs: number;
  readonly maxProbes: number;
  /** Capacity that must be reached; 0 for none. */
  readonly gatePerSecond: number;
  readonly targets: Targets;
  readonly resources: Resources;
  readonly mix: Mix;
}

interface Tried {
  readonly probe: Probe;
  readonly step: Step;
}

const CONFIDENCE = 0.95;
const WITHIN = 0.95;

/** The highest rate at which the targets hold, to 3 %: confirmed there, and refuted 5 % above. */
export async function capacity(options: CapacityOptions, context: LabContext): Promise<ExperimentOutcome> {
  const tried: Tried[] = [];
  for (;;) {
    const move = nextMove(
      tried.map(({ probe }) => probe),
      options,
    );
    if (move.kind !== 'probe') return capacityOutcome(tried, move, options);
    context.expect(
      leftMs(
        tried.map(({ probe }) => probe),
        options,
      ),
    );
    const { rate, role } = move;
    const holdMs = role === 'search' ? options.holdMs : options.confirmMs;
    if (role !== 'search') context.say(`  to ${role}:`);
    const step = await openStep({ ...options, ratePerSecond: rate, holdMs }, context);
    tried.push({ step, probe: { rate, role, passed: violations(step, options.targets).length === 0 } });
  }
}

function leftMs(history: readonly Probe[], { holdMs, confirmMs, maxProbes }: CapacityOptions): number {
  const { search, confirm } = probesLeft(history, maxProbes);
  return search * (SETTLE_MS + holdMs) + confirm * (SETTLE_MS + confirmMs);
}

function capacityOutcome(
  tried: readonly Tried[],
  end: Exclude<Move, { kind: 'probe' }>,
  options: CapacityOptions,
): ExperimentOutcome {
  const { system, targets, resources, holdMs, confirmMs, gatePerSecond } = options;
  const confirmed = tried.findLast(({ probe }) => probe.role === 'confirm' && probe.passed)?.step;
  const byLoad = tried.map(({ step }) => step).toSorted((left, right) => left.load.amount - right.load.amount);
  const series: Series = {
    name: system.name,
    loadUnit: 'requests/s',
    settings: system.settings,
    steps: byLoad,
    confirmations: [],
    usl: undefined,
    targets: seriesTargets(targets),
    limit: bottleneckOf(confirmed ?? (byLoad[0] as Step), resources),
  };
  return {
    scenario: `${describeMix(options.mix)}; open loop, Poisson arrivals`,
    configuration: {
      probes: `${holdMs / 1000} s each, ${confirmMs / 1000} s to confirm and to refute`,
      targets: describeTargets(targets),
    },
    series: [series],
    gates: end.kind === 'found' && gatePerSecond > 0 ? [capacityGate(end.capacity, gatePerSecond)] : [],
    findings: end.kind === 'found' ? findings(end, confirmed, targets) : [],
    reasons: end.kind === 'found' ? soundness(tried) : [end.reason],
    marks: { throughput: [], p95: p95Marks(system.name, targets) },
  };
}

function findings(end: Extract<Move, { kind: 'found' }>, confirmed: Step | undefined, targets: Targets): string[] {
  const found = `Capacity: ${end.capacity.toFixed(1)} requests/s; the targets do not hold at ${end.refutedAt.toFixed(1)}.`;
  if (confirmed === undefined) return [found];
  if (targets.endpoints === undefined) {
    return [found, evidenceOf('', confirmed.figures.latency.count, confirmed.overTarget)];
  }
  // Each endpoint has a target of its own, and what is shown of one is not shown of another.
  const judged = confirmed.endpoints.filter(({ endpoint }) => targets.endpoints?.[endpoint]?.p95Ms !== undefined);
  return [
    found,
    ...judged.map(({ endpoint, latency, overTarget = 0 }) => evidenceOf(`${endpoint}: `, latency.count, overTarget)),
  ];
}

function evidenceOf(name: string, count: number, over: number): string {
  const needed = requestsNeeded(over, WITHIN, CONFIDENCE);
  const shown = count >= needed ? 'enough' : 'too few';
  return `${name}Confirmed by ${count} requests, ${over} of them over the target: ${shown} for a p95 with 95 % confidence, which takes ${needed}.`;
}

function capacityGate(found: number, gate: number): Gate {
  return { name: 'capacity, requests/s', expected: `at least ${gate}`, got: found.toFixed(1), passed: found >= gate };
}

/** The two loads that decide must be valid runs, because a load may fail only because the machine was busy. */
function soundness(tried: readonly Tried[]): string[] {
  return tried
    .slice(-2)
    .flatMap(({ step, probe }) => [...step.validity.reasons, ...(probe.passed ? [] : disturbances(step))]);
}
