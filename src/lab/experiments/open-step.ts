import { arrivalTimes } from '../load/arrivals.ts';
import type { Mix } from '../load/mix.ts';
import type { System } from '../system/system.ts';
import { type LabContext, runStep, type Step } from './step.ts';
import { stepLine } from './sweep.ts';
import { p95TargetOf, strictestP95Ms, type Targets, violations } from './targets.ts';

export interface OpenStepOptions {
  readonly system: System;
  readonly ratePerSecond: number;
  readonly holdMs: number;
  readonly targets: Targets;
  readonly mix: Mix;
}

/** The beginning of each step that is not counted. */
export const SETTLE_MS = 1500;
const ATTEMPTS = 3;
const MAX_IN_FLIGHT = 10_000;

/** Poisson arrivals at a rate, for a while: users who do not wait for each other. */
export async function openStep(options: OpenStepOptions, context: LabContext): Promise<Step> {
  const { system, ratePerSecond, holdMs, targets, mix } = options;
  const durationMs = SETTLE_MS + holdMs;
  const arrivals = arrivalTimes('poisson', ratePerSecond, durationMs, context.random);
  const plan = { kind: 'open', arrivals, durationMs, maxInFlight: MAX_IN_FLIGHT } as const;
  const more = {
    settleMs: SETTLE_MS,
    targetMs: strictestP95Ms(targets),
    targetMsOf: p95TargetOf(targets),
    attempts: ATTEMPTS,
  };
  const step = await runStep({ system, mix, plan, ...more }, context);
  const wrong = violations(step, targets);
  context.say(`  ${ratePerSecond.toFixed(1)} requests/s: ${stepLine(step)}${wrong.length > 0 ? ' – too much' : ''}`);
  return step;
}
