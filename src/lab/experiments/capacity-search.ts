/** A load that was tried, and whether the targets held. */
export interface Probe {
  readonly rate: number;
  readonly passed: boolean;
  readonly role: ProbeRole;
}

/** Confirmations and refutations are held for longer. */
export type ProbeRole = 'search' | 'confirm' | 'refute';

export type Move =
  | { readonly kind: 'probe'; readonly rate: number; readonly role: ProbeRole }
  /** Targets hold at the capacity and do not at `refutedAt`. */
  | { readonly kind: 'found'; readonly capacity: number; readonly refutedAt: number }
  | { readonly kind: 'given-up'; readonly reason: string };

export interface SearchOptions {
  /** Requests a second to begin with. */
  readonly guess: number;
  readonly maxProbes: number;
}

const GALLOP = 1.5;
/** At the end, the failing load is at most this many times the passing one. */
const PRECISION = 1.03;
const REFUTE_AT = 1.05;
const LEAST_SHARE_OF_GUESS = 1 / 100;

/**
 * The next load to try, from all loads tried so far: a capacity C is found when targets hold at C, held for longer, and do not at
 * 1.05 C. Galloping by 1.5 up or down from the guess, then halving of the logarithm down to 3 %. Systems are noisy, so
 * what was tried last overrides what contradicts it: a failure at a rate forgets the passes at or above it, and the
 * other way about.
 */
export function nextMove(history: readonly Probe[], { guess, maxProbes }: SearchOptions): Move {
  const { low, high } = bracket(history);
  const last = history.at(-1);
  if (last?.role === 'refute' && !last.passed) {
    return { kind: 'found', capacity: low, refutedAt: last.rate };
  }
  if (history.length >= maxProbes) {
    return {
      kind: 'given-up',
      reason: `no capacity was found in ${maxProbes} probes: the last lay between ${low.toFixed(1)} and ${high.toFixed(1)}`,
    };
  }
  if (last?.role === 'confirm' && last.passed) return { kind: 'probe', rate: low * REFUTE_AT, role: 'refute' };
  if (low === 0 && high <= guess * LEAST_SHARE_OF_GUESS) {
    return { kind: 'given-up', reason: `the targets do not even hold at ${high.toFixed(2)} requests/s` };
  }
  if (low > 0 && high / low <= PRECISION) return { kind: 'probe', rate: low, role: 'confirm' };
  return { kind: 'probe', rate: between(low, high, guess), role: 'search' };
}

/** Steps up or down until one load passes and another fails, if neither is known. */
const USUAL_GALLOPS = 2;

/** How many probes are still to come if no measurement contradicts another: those of the search, and the longer ones. */
export function probesLeft(history: readonly Probe[], maxProbes: number): { search: number; confirm: number } {
  const last = history.at(-1);
  const most = Math.max(1, maxProbes - history.length);
  if (last?.role === 'confirm' && last.passed) return { search: 0, confirm: 1 };
  const { low, high } = bracket(history);
  const isBracketed = low > 0 && Number.isFinite(high);
  const factor = isBracketed ? high / low : GALLOP;
  const halvings = Math.max(0, Math.ceil(Math.log2(Math.log(factor) / Math.log(PRECISION))));
  const search = isBracketed ? halvings : USUAL_GALLOPS + halvings;
  return { search: Math.min(search, most), confirm: Math.min(2, most) };
}

/** The highest rate that passed and the lowest that failed, of what still counts. */
function bracket(history: readonly Probe[]): { low: number; high: number } {
  let passed: number[] = [];
  let failed: number[] = [];
  for (const { rate, passed: isPass } of history) {
    if (isPass) {
      passed.push(rate);
      failed = failed.filter((other) => other > rate);
    } else {
      failed.push(rate);
      passed = passed.filter((other) => other < rate);
    }
  }
  return { low: Math.max(0, ...passed), high: Math.min(Number.POSITIVE_INFINITY, ...failed) };
}

function between(low: number, high: number, guess: number): number {
  if (low === 0) return high === Number.POSITIVE_INFINITY ? guess : high / GALLOP;
  return high === Number.POSITIVE_INFINITY ? low * GALLOP : Math.sqrt(low * high);
}
