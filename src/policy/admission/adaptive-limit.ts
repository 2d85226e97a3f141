import type { Random } from '../../core/random.ts';

/** The work of an upstream since the last observation, summed over all workers. */
export interface Flow {
  /** Requests that ended. */
  readonly ended: number;
  /** Their time in flight, summed over the requests. */
  readonly busyMs: number;
  /** Whether requests wait for a permit; only then does the limit have an effect. */
  readonly isSaturated: boolean;
  /** Requests that may be in flight, by the caps. */
  readonly permits: number;
}

export interface AdaptiveLimitOptions {
  /** Requests in flight that it always allows. */
  readonly least: number;
  readonly random: Random;
}

/** The factors by which a trial changes the used part. A trial from all permits costs a tenth of them. */
const CAREFUL_STEP = 0.9;
const STEP = 0.75;
/** A phase of a trial lasts until so many requests have ended in it, within these bounds. */
const PHASE_REQUESTS = 50;
const MIN_PHASE_MS = 500;
const MAX_PHASE_MS = 60_000;
/** How many service times to wait after each change, because requests that began before it must have ended. */
const SETTLE = 2;
/** The rest between two trials, in units of a trial: careful ones take about a tenth of the time. */
const CAREFUL_REST = 4;
/** Trials that are needed for a step from all permits, for one that follows, and after which an undecided limit rises. */
const CAREFUL_TRIALS = 10;
const TRIALS = 4;
const MAX_TRIALS = 16;
/** Standard errors by which the elasticity must exceed a half. */
const CAREFUL_ERRORS = 5;
const ERRORS = 3;
const DEPENDS = 0.5;
/** Below this elasticity, more requests in flight bring more throughput. */
const FLAT = 0.85;
/** How many of the latest trials count, because older ones show a past state of the backends. */
const MEMORY = 100;
/** Without saturation the limit rises by a tenth this often. */
const RECOVERY_MS = 5000;

interface Trial {
  readonly step: number;
  readonly stage: 'before' | 'changing' | 'during' | 'changing back' | 'rest';
  readonly since: number;
  readonly ended: number;
  readonly throughput: number;
  readonly untilMs: number;
}

/**
 * The part of an upstream's permits that is used: all, until trials have shown that fewer give the same throughput.
 *
 * Latency alone shows nothing, because it varies by itself, and because a slow backend has more requests in flight only
 * because it is slow. So the part is changed on purpose, for a short time, and throughput before and during the trial
 * is compared. With r times as many in flight
 *   elasticity = 1 - ln(throughput during / before) / ln r
 * is 0 for backends whose latency does not depend on the requests in flight, 1 for backends that share one processor or
 * one lock (fewer in flight cost nothing), and more for backends that thrash. The part falls only if the mean of at
 * least ten trials exceeds a half by five standard errors of the mean, and is above 0.85. Below all permits the trials
 * take larger steps, down and up in turns. The part rises if more requests in flight bring more throughput, if trials
 * do not decide, and while the limit is not in use. Trials begin at random times, so that no periodic event is mistaken
 * for their effect.
 */
export class AdaptiveLimit {
  #least: number;
  readonly #random: Random;
  #part = 1;
  #trial: Trial | undefined;
  #down: number[] = [];
  #up: number[] = [];
  #idleSince: number | undefined;
  #wasSaturated = false;
  #permits = 1;
  #serviceMs = 0;

  constructor({ least, random }: AdaptiveLimitOptions) {
    this.#least = least;
    this.#random = random;
  }

  /** Changes the number of requests in flight that it always allows. */
  useLeast(least: number): void {
    this.#least = least;
  }

  /** Requests that may be in flight if the caps allow this many. */
  of(permits: number): number {
    const stage = this.#trial?.stage;
    const isTried = stage === 'changing' || stage === 'during';
    return isTried ? this.#after((this.#trial as Trial).step, permits) : this.#used(permits);
  }

  /** Takes in what happened since the last call. */
  look({ ended, busyMs, isSaturated, permits }: Flow, now: number): void {
    if (ended > 0) {
      const weight = this.#serviceMs === 0 ? 1 : Math.min(0.5, ended / PHASE_REQUESTS);
      this.#serviceMs += weight * (busyMs / ended - this.#serviceMs);
    }
    // The limit was in use all the time only if work waits at the end as well as at the beginning.
    const wasSaturated = this.#wasSaturated;
    this.#wasSaturated = isSaturated;
    if (!isSaturated || !wasSaturated) {
      this.#idle(now);
      return;
    }
    this.#idleSince = undefined;
    this.#permits = permits;
    this.#trial ??= this.#newTrial(now, this.#serviceMs);
    this.#trial = { ...this.#trial, ended: this.#trial.ended + ended };
    this.#advance(this.#trial, this.#serviceMs, now);
  }

  #used(permits: number): number {
    return Math.min(permits, Math.max(this.#least, Math.ceil(permits * this.#part)));
  }

  /** At least one permit more or fewer, because a trial without a change would look as if the limit had no effect. */
  #after(step: number, permits: number): number {
    const used = this.#used(permits);
    const wanted = step < 1 ? Math.min(used - 1, Math.ceil(used * step)) : Math.max(used + 1, Math.ceil(used * step));
    return Math.min(permits, Math.max(this.#least, wanted));
  }

  /** The limit has no effect now, so a running trial shows nothing. */
  #idle(now: number): void {
    this.#trial = undefined;
    this.#idleSince ??= now;
    if (this.#part === 1 || now - this.#idleSince < RECOVERY_MS) return;
    this.#idleSince = now;
    this.#moveTo(this.#part * 1.1);
  }

  #newTrial(now: number, serviceMs: number): Trial {
    const isCareful = this.#part === 1;
    const goesUp = !isCareful && (this.#used(this.#permits) <= this.#least || this.#up.length < this.#down.length);
    const step = isCareful ? CAREFUL_STEP : goesUp ? 1 / STEP : STEP;
    const restMs = (isCareful ? CAREFUL_REST : 0.1) * 2 * (MIN_PHASE_MS + SETTLE * serviceMs) * (0.5 + this.#random());
    return { step, stage: 'rest', since: now, ended: 0, throughput: 0, untilMs: restMs };
  }

  #advance(trial: Trial, serviceMs: number, now: number): void {
    const elapsedMs = now - trial.since;
    const isMeasuring = trial.stage === 'before' || trial.stage === 'during';
    const isLong = elapsedMs >= MIN_PHASE_MS && trial.ended >= PHASE_REQUESTS;
    if (isMeasuring ? !isLong && elapsedMs < MAX_PHASE_MS : elapsedMs < trial.untilMs) return;
    const next = { ...trial, since: now, ended: 0, untilMs: Math.min(MAX_PHASE_MS, SETTLE * serviceMs) };
    const throughput = trial.ended / elapsedMs;
    if (trial.stage === 'rest') this.#trial = { ...next, stage: 'before' };
    else if (trial.stage === 'before') this.#trial = { ...next, stage: 'changing', throughput };
    else if (trial.stage === 'changing') this.#trial = { ...next, stage: 'during' };
    else if (trial.stage === 'during') {
      // The rest lasts several times as long as this trial, because phases of slow requests are long.
      const factor = this.#part === 1 ? CAREFUL_REST * 2 : 0;
      const untilMs = next.untilMs + factor * (elapsedMs + next.untilMs) * (0.5 + this.#random());
      this.#trial = { ...next, stage: 'changing back', untilMs };
      this.#conclude(trial, throughput);
    } else this.#trial = undefined;
  }

  #conclude({ step, throughput: before }: Trial, during: number): void {
    const ratio = this.#after(step, this.#permits) / this.#used(this.#permits);
    if (before === 0 || during === 0 || Math.abs(Math.log(ratio)) < 0.02) return;
    const elasticity = 1 - Math.log(during / before) / Math.log(ratio);
    const found = step < 1 ? this.#down : this.#up;
    found.push(elasticity);
    if (found.length > MEMORY) found.shift();
    this.#decide();
  }

  #decide(): void {
    const isCareful = this.#part === 1;
    const down = meanOf(this.#down);
    const [trials, errors] = isCareful ? [CAREFUL_TRIALS, CAREFUL_ERRORS] : [TRIALS, ERRORS];
    if (this.#down.length >= trials && down.mean - errors * down.error > DEPENDS && down.mean > FLAT) {
      this.#moveTo(this.#part * (isCareful ? CAREFUL_STEP : STEP));
      return;
    }
    if (isCareful) return;
    const up = meanOf(this.#up);
    const brings = this.#up.length >= TRIALS && up.mean + up.error < FLAT;
    if (brings || this.#up.length >= MAX_TRIALS) this.#moveTo(this.#part / STEP);
  }

  #moveTo(part: number): void {
    this.#part = Math.min(1, Math.max(this.#least / this.#permits, part));
    this.#down = [];
    this.#up = [];
  }
}

function meanOf(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / Math.max(1, values.length - 1) / Math.max(1, values.length)) };
}
