import type { FleetPlan } from './fleet-plan.ts';
import type { FleetRun, FleetSample } from './fleet-run.ts';

/** A figure with its promise. */
export interface FleetBar {
  readonly name: string;
  readonly expected: string;
  readonly got: string;
  readonly passed: boolean;
}

export type FleetExperimentName = 'contention' | 'shifts' | 'idle' | 'joins' | 'death' | 'away-5' | 'away-30';

/** One experiment with a fleet. */
export interface FleetResult {
  readonly name: FleetExperimentName;
  readonly title: string;
  readonly plan: FleetPlan;
  readonly bars: readonly FleetBar[];
  /** Figures of which nothing is promised. */
  readonly figures: readonly (readonly [name: string, value: string])[];
  /** Without the time before the experiment; `at` counts from its begin. */
  readonly samples: readonly FleetSample[];
  /** The actions of the experiment, in milliseconds since its begin. */
  readonly marks: readonly { readonly name: string; readonly at: number }[];
  /** Times in milliseconds, if the experiment has many of them. */
  readonly times?: readonly number[];
}

export const percentText = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;
export const secondsText = (ms: number, digits = 1): string =>
  Number.isFinite(ms) ? `${(ms / 1000).toFixed(digits)} s` : 'never';

/** The bar that every experiment has: no request above the cap, at any millisecond. */
export function overshootBar({ peak, plan }: FleetRun): FleetBar {
  const over = Math.max(0, peak - plan.cap);
  return { name: 'requests above the cap', expected: '0', got: `${over}`, passed: over === 0 };
}

/** Mean part of the cap in use over these samples. */
export function useOf(samples: readonly FleetSample[], cap: number): number {
  return samples.reduce((sum, { inFlight }) => sum + inFlight, 0) / samples.length / cap;
}

/** The least part of the cap in use over any second of these samples. */
export function leastSecond(samples: readonly FleetSample[], cap: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let first = 0; first + SECOND <= samples.length; first++) {
    least = Math.min(least, useOf(samples.slice(first, first + SECOND), cap));
  }
  return least;
}

/** Samples of a second. */
const SECOND = 10;

export const callsPerSecond = (samples: readonly FleetSample[]): number =>
  (samples.reduce((sum, { calls }) => sum + calls, 0) / samples.length) * SECOND;

export function refusedShare(samples: readonly FleetSample[]): number {
  const arrived = samples.reduce((sum, sample) => sum + sample.arrived, 0);
  return arrived === 0 ? 0 : samples.reduce((sum, { refused }) => sum + refused, 0) / arrived;
}
