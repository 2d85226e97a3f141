import type { Mix } from '../load/mix.ts';
import { spikeStays, usersAt } from '../load/user-ramp.ts';
import { type Figures, FigureCollection, figuresOf } from '../measure/figures.ts';
import type { ExperimentOutcome } from '../report/run-record.ts';
import { loadInParts, type Part } from './parts.ts';
import { type SpikeOptions, type SpikePhases, spikeOutcome } from './spike-outcome.ts';
import { type LabContext, measuredOf, type Step } from './step.ts';
import { stepLine } from './sweep.ts';
import { p95TargetOf, strictestP95Ms } from './targets.ts';

/** This first part of the normal load and of the recovery is not counted: connections open, V8 compiles, a queue empties. */
const SETTLE_MS = 2000;
const MAX_SETTLE_SHARE = 0.25;
const SECOND_MS = 1000;

/** A crowd that comes within seconds, stays and leaves: what those see who are let in, and how the system comes out of it. */
export async function spike(options: SpikeOptions, context: LabContext): Promise<ExperimentOutcome> {
  const { system, mix, cycleDelayMs } = options;
  const stays = spikeStays(options);
  const phases = phasesOf(options);
  const durationMs = phases.at(-1)?.toMs ?? 0;
  const load = { kind: 'closed', cycleDelayMs, durationMs } as const;
  const plan = { ...load, connections: stays.length, stays, waitsWhenRefused: true };
  const endsMs = phases.map(({ toMs }) => toMs);
  context.say(
    `  ${phases.map(({ name, users, lengthMs }) => `${name}: ${users} users, ${lengthMs / 1000} s`).join('; ')}`,
  );
  context.expect(durationMs);
  // Looked at when all is over: while a crowd is there, the lab has nothing else to do than to be the crowd.
  const parts = await Array.fromAsync(loadInParts({ system, mix, plan, endsMs }, context));
  const steps = parts.map((part, index) => stepOf(part, phases[index] as Phase, { mix, options }));
  for (const [index, step] of steps.entries()) context.say(`  ${phases[index]?.name}: ${stepLine(step)}`);
  const [normal, rise, held, recovery] = steps as [Step, Step, Step, Step];
  const seconds = parts.flatMap(secondsOf).map((each) => ({
    ...each,
    users: usersAt(stays, each.atMs + SECOND_MS / 2),
  }));
  const whole = new FigureCollection();
  for (const { result, window } of parts) whole.add(result, window);
  return spikeOutcome({ phases: { normal, rise, held, recovery }, seconds, whole: whole.figures() }, options);
}

interface Phase {
  readonly name: keyof SpikePhases;
  /** At its end. */
  readonly users: number;
  readonly lengthMs: number;
  readonly toMs: number;
  /** At its beginning, not counted. */
  readonly settleMs: number;
}

function phasesOf({ normalUsers, peakUsers, normalMs, riseMs, holdMs, recoveryMs }: SpikeOptions): Phase[] {
  const settle = (lengthMs: number): number => Math.min(SETTLE_MS, lengthMs * MAX_SETTLE_SHARE);
  const phases = [
    { name: 'normal', users: normalUsers, lengthMs: normalMs, settleMs: settle(normalMs) },
    { name: 'rise', users: peakUsers, lengthMs: riseMs, settleMs: 0 },
    { name: 'held', users: peakUsers, lengthMs: holdMs, settleMs: 0 },
    { name: 'recovery', users: normalUsers, lengthMs: recoveryMs, settleMs: settle(recoveryMs) },
  ] as const;
  let toMs = 0;
  return phases.map((phase) => ({ ...phase, toMs: (toMs += phase.lengthMs) }));
}

function stepOf(
  { window, result, use }: Part,
  { users, lengthMs, settleMs }: Phase,
  { mix, options }: { mix: Mix; options: SpikeOptions },
): Step {
  const counted = { fromMs: window.fromMs + settleMs, toMs: window.toMs };
  const { cycleDelayMs, targets } = options;
  return {
    load: { kind: 'closed', amount: users, cycleDelayMs, settleMs, durationMs: lengthMs },
    ...measuredOf(result, {
      window: counted,
      mix,
      targetMs: strictestP95Ms(targets),
      targetMsOf: p95TargetOf(targets),
    }),
    use,
    server: undefined,
    discarded: [],
  };
}

/** The last second of a part may be a short one, and then counts with the one before. */
function secondsOf({ window, result }: Part): { readonly atMs: number; readonly figures: Figures }[] {
  const count = Math.max(1, Math.round((window.toMs - window.fromMs) / SECOND_MS));
  return Array.from({ length: count }, (_, index) => {
    const fromMs = window.fromMs + index * SECOND_MS;
    const toMs = index === count - 1 ? window.toMs : fromMs + SECOND_MS;
    return { atMs: fromMs, figures: figuresOf(result, { fromMs, toMs }) };
  });
}
