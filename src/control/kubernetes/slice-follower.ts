import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { type FoundBackend, MOST_BACKENDS } from '../../policy/membership/discovered.ts';
import { type Slice, SliceMembers } from '../../policy/membership/slice-members.ts';
import { backoffMs } from '../../policy/retry/backoff.ts';
import type { Findings } from '../findings.ts';
import type { SliceApi, SliceEvent } from './slice-api.ts';
import { sliceOf, type SliceWish } from './slice-objects.ts';

export interface SliceFollowerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly api: SliceApi;
  readonly wish: SliceWish;
  readonly findings: Findings;
  /** The backends that were known before. */
  readonly saved: readonly FoundBackend[];
  /** Asks DNS for the same backends while the API server is unavailable; undefined where no name is configured. */
  readonly fallback: (() => Promise<readonly FoundBackend[]>) | undefined;
  readonly bug: (error: unknown) => void;
}

/** A list that takes longer has failed. */
const LIST_LIMIT_MS = 30_000;
/**
 * A watch lives from one full list to the next. So the members are wrong for this long at most after a lost event, or on a silent
 * watch.
 */
const RELIST_MS = { least: 30_000, most: 60_000 };
/** A watch that ended sooner counts as short, and this many short ones in a row are reported as a problem. */
const SHORT_MS = 5000;
const SHORT_WATCHES = 3;
/** Changes of one moment are taken in together. */
const GATHER_MS = 100;
/** A server that sends more would keep control from its other work. The next list has the events that were not read. */
const MOST_EVENTS_PER_SECOND = 500;
const RETRY = { firstMs: 1000, maxMs: 30_000 };
/** DNS is asked after this many failed lists in a row. */
const FAILURES_BEFORE_DNS = 2;

/** Follows the EndpointSlices of one Service: a full list, a watch until the next one, and so on. */
export class SliceFollower {
  readonly #options: SliceFollowerOptions;
  readonly #members: SliceMembers;
  readonly #closing = new AbortController();
  #failures = 0;
  /** Watches in a row that ended early. */
  #shortWatches = 0;
  #watchProblem: string | undefined;
  #endPause: (() => void) | undefined;
  #gathering: Timer | undefined;
  /** The events of the second that began then. */
  #events = { since: Number.NEGATIVE_INFINITY, count: 0 };

  constructor(options: SliceFollowerOptions) {
    this.#options = options;
    this.#members = new SliceMembers(options.saved);
    void this.#run().catch(options.bug);
  }

  stop(): void {
    this.#closing.abort();
    this.#endPause?.();
    this.#gathering?.cancel();
    this.#options.api.close();
  }

  get #isStopped(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    const { random } = this.#options;
    while (!this.#isStopped) {
      const version = await this.#list();
      if (version !== undefined) await this.#watch(version);
      await this.#pause(backoffMs(Math.max(this.#failures, this.#shortWatches), RETRY, random));
    }
  }

  /** The version of the list; undefined if there is none. */
  async #list(): Promise<string | undefined> {
    const { api, wish, findings } = this.#options;
    try {
      const { slices, version } = await this.#within(LIST_LIMIT_MS, (signal) => api.list(signal));
      if (this.#isStopped) return undefined;
      this.#failures = 0;
      const isServing = this.#members.listed(slices.flatMap((one) => sliceOf(one, wish) ?? []));
      findings.take(isServing ? this.#members.found : [], this.#problemOf(isServing, slices.length));
      return version;
    } catch (error) {
      if (this.#isStopped) return undefined;
      this.#failures++;
      api.close();
      await this.#askDns(messageOf(error));
      return undefined;
    }
  }

  #problemOf(isServing: boolean, slices: number): string | undefined {
    if (slices === 0) return 'the Service has no EndpointSlice: is its name right?';
    if (!isServing) return 'no endpoint of the Service is ready on that port';
    const { length } = this.#members.found;
    if (length > MOST_BACKENDS) return `there are ${length} endpoints, of which ${MOST_BACKENDS} are used`;
    if (this.#members.isKeeping) return 'more than half of the backends are missing at once';
    return this.#shortWatches < SHORT_WATCHES ? undefined : `each watch ends early: ${this.#watchProblem}`;
  }

  async #askDns(problem: string): Promise<void> {
    const { fallback, findings } = this.#options;
    if (fallback === undefined || this.#failures < FAILURES_BEFORE_DNS) return findings.take(undefined, problem);
    try {
      const found = await fallback();
      if (this.#isStopped) return;
      this.#members.listed(families.map((family) => sliceOfNames(family, found)));
      if (found.length === 0) findings.take(undefined, `${problem}; DNS has no backend, either`);
      else findings.take(this.#members.found, `${problem}; DNS is used meanwhile`);
    } catch (error) {
      findings.take(undefined, `${problem}; DNS: ${messageOf(error)}`);
    }
  }

  /** Watches until the next full list is due, or the server ends the watch. The next list repairs missed events. */
  async #watch(version: string): Promise<void> {
    const { api, clock, random } = this.#options;
    const { least, most } = RELIST_MS;
    const onEvent = (event: SliceEvent): void => this.#event(event);
    const startedAt = clock.now();
    this.#watchProblem = 'the server ended it';
    try {
      await this.#within(least + (most - least) * random(), (signal) => api.watch(version, onEvent, signal));
    } catch (error) {
      this.#watchProblem = messageOf(error);
    }
    this.#shortWatches = clock.now() - startedAt < SHORT_MS ? this.#shortWatches + 1 : 0;
  }

  /** Throws if there are too many. */
  #event(event: SliceEvent): void {
    if (this.#isStopped) return;
    const { clock, findings } = this.#options;
    if (clock.now() - this.#events.since >= 1000) this.#events = { since: clock.now(), count: 0 };
    if (++this.#events.count > MOST_EVENTS_PER_SECOND)
      throw new Error(`the server sends more than ${MOST_EVENTS_PER_SECOND} events a second`);
    const slice = event.kind === 'changed' ? sliceOf(event.slice, this.#options.wish) : undefined;
    if (slice !== undefined) this.#members.changed(slice);
    else this.#members.removed(event.kind === 'removed' ? event.name : event.slice.metadata.name);
    this.#gathering ??= clock.setTimeout(() => {
      this.#gathering = undefined;
      findings.use(this.#members.found);
    }, GATHER_MS);
  }

  /** Rejects if it takes longer, or if the follower stops, whether or not the work hears of it. */
  async #within<Result>(ms: number, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const limit = new AbortController();
    const timer = this.#options.clock.setTimeout(() => limit.abort(new Error(`no answer within ${ms / 1000} s`)), ms);
    const signal = AbortSignal.any([limit.signal, this.#closing.signal]);
    const { promise: ended, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(signal.reason));
    try {
      return await Promise.race([work(signal), ended]);
    } finally {
      timer.cancel();
    }
  }

  #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#isStopped) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimeout(resolve, ms);
    this.#endPause = () => {
      timer.cancel();
      resolve();
    };
    return promise;
  }
}

const families = ['IPv4', 'IPv6'] as const;

/** A slice of addresses in DNS, which are ready, because a headless Service names only ready pods there. */
const sliceOfNames = (family: Slice['family'], found: readonly FoundBackend[]): Slice => ({
  name: `DNS, ${family}`,
  version: undefined,
  family,
  endpoints: found
    .filter(({ address }) => address.includes(':') === (family === 'IPv6'))
    .map(({ address, port }) => ({ address, port, isReady: true, isServing: true, isTerminating: false })),
});
