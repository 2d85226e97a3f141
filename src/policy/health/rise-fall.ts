/** The results of a backend's checks so far. */
export interface HealthState {
  readonly up: boolean;
  /** Checks in a row that contradict `up`. */
  readonly contrary: number;
}

export interface HealthThresholds {
  /** Passed checks in a row that bring a backend up. */
  readonly rise: number;
  /** Failed checks in a row that take it down. */
  readonly fall: number;
}

/** The state after one more check. A backend changes sides only after `rise` or `fall` checks in a row. */
export function afterCheck(state: HealthState, passed: boolean, { rise, fall }: HealthThresholds): HealthState {
  if (passed === state.up) return { up: state.up, contrary: 0 };
  const contrary = state.contrary + 1;
  return contrary >= (passed ? rise : fall) ? { up: passed, contrary: 0 } : { up: state.up, contrary };
}

/** The result of one check. */
export interface CheckResult {
  readonly passed: boolean;
  /** No process listens there, so two more checks would give the same result. */
  readonly definite: boolean;
  /** There was no answer in time. */
  readonly timedOut: boolean;
}

/**
 * The state after a check. The first check decides alone, because there is no earlier state. A check that times out
 * while the backend is at its cap (`isFull`) is ignored, because such a backend gets no more requests anyway.
 */
export function afterResult(
  state: HealthState | undefined,
  { passed, definite, timedOut }: CheckResult,
  isFull: boolean,
  thresholds: HealthThresholds,
): HealthState | undefined {
  if (timedOut && isFull) return state;
  if (state === undefined || (!passed && definite)) return { up: passed, contrary: 0 };
  return afterCheck(state, passed, thresholds);
}
