import type { DiscoverConfig } from '../config/discover.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { backoffMs } from '../policy/retry/backoff.ts';
import type { Findings } from './findings.ts';
import { lookUpBackends, type NameAnswer } from './name-lookup.ts';

export interface NameFollowerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly findings: Findings;
  readonly lookUp?: (discover: DiscoverConfig) => Promise<NameAnswer>;
}

const RETRY = { firstMs: 1000, maxMs: 30_000 };
/** The part of the time between two look-ups that chance takes off, so that hosts do not ask together. */
const JITTER = 0.1;

/** One name, looked up when its TTL is over. */
export class NameFollower {
  readonly #discover: DiscoverConfig;
  readonly #options: NameFollowerOptions;
  #timer: Timer | undefined;
  #failures = 0;
  #isStopped = false;

  constructor(discover: DiscoverConfig, options: NameFollowerOptions) {
    this.#discover = discover;
    this.#options = options;
    void this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { lookUp = lookUpBackends, clock, findings } = this.#options;
    let answer: NameAnswer | undefined;
    let problem: string | undefined;
    try {
      answer = await lookUp(this.#discover);
      if (answer.found.length === 0) problem = 'the answer has no backend';
    } catch (error) {
      problem = messageOf(error);
    }
    if (this.#isStopped) return;
    this.#timer = clock.setTimeout(() => void this.#look(), this.#nextMs(answer, problem));
    findings.take(answer?.found, problem);
  }

  #nextMs(answer: NameAnswer | undefined, problem: string | undefined): number {
    const { random } = this.#options;
    const { minMs, maxMs } = this.#discover;
    this.#failures = problem === undefined ? 0 : this.#failures + 1;
    if (problem !== undefined) return Math.min(maxMs, backoffMs(this.#failures, RETRY, random));
    const ttlMs = Math.min(maxMs, Math.max(minMs, answer?.ttlMs ?? maxMs));
    return ttlMs * (1 - JITTER * random());
  }
}
