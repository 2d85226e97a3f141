import { away, death, joins } from './fault-experiments.ts';
import type { FleetExperimentName, FleetResult } from './fleet-bar.ts';
import type { FleetPlan } from './fleet-plan.ts';
import { contention, idle, shifts } from './load-experiments.ts';

/** `seconds`: how long contention and shifts last. */
export const fleetExperiments: Readonly<
  Record<FleetExperimentName, (plan: FleetPlan, seconds: number) => FleetResult>
> = {
  contention,
  shifts,
  idle,
  joins,
  death,
  'away-5': (plan) => away(plan, 5000),
  'away-30': (plan) => away(plan, 30_000),
};
