import { Pool } from 'undici';
import type { Clock } from '../../core/clock.ts';
import type { LoadResult, LoadTarget, OpenPlan } from './engine.ts';
import { requestOf } from './mix.ts';
import type { ReplyCheck } from '../../policy/slo/slo.ts';
import type { OutcomeName } from './outcome.ts';
import { clientOptions } from './reply-connector.ts';
import { ReplyReader } from './reply-reader.ts';
import { Requests } from './requests.ts';
import { SenderWatch } from './sender-watch.ts';
import { parseServerTiming } from './server-timing.ts';

/** The numbers of the requests within the run, where not all of it is sent from here. */
export interface Share {
  /** This process sends every `of`-th arrival, from the `index`-th. */
  readonly index: number;
  readonly of: number;
}

/**
 * Sends each request at its time, whether or not those before have been answered: only so does a stall show, as those
 * who would have come meanwhile do come (Tene, "How NOT to measure latency"). Resolves when every arrival has an outcome.
 */
export function runOpenLoop(
  target: LoadTarget,
  plan: OpenPlan,
  clock: Clock,
  share: Share = { index: 0, of: 1 },
): Promise<LoadResult> {
  return new OpenLoop(target, plan, clock, share).run();
}

class OpenLoop {
  readonly #requests: Requests;
  readonly #target: LoadTarget;
  readonly #plan: OpenPlan;
  readonly #clock: Clock;
  readonly #share: Share;
  readonly #pool: Pool;
  readonly #watch: SenderWatch;
  readonly #startedAt: number;
  readonly #finished = Promise.withResolvers<void>();
  /** In the order of their intended starts, which is that of their time limits. */
  readonly #underWay = new Set<Reply>();
  #next = 0;

  constructor(target: LoadTarget, plan: OpenPlan, clock: Clock, share: Share) {
    this.#target = target;
    this.#plan = plan;
    this.#clock = clock;
    this.#share = share;
    this.#requests = new Requests(plan.arrivals.length);
    this.#pool = new Pool(target.origin, { connections: null, pipelining: 1, ...clientOptions(target) });
    this.#startedAt = clock.now();
    this.#watch = new SenderWatch(clock, this.#startedAt);
  }

  async run(): Promise<LoadResult> {
    if (this.#plan.arrivals.length > 0) {
      this.#sendDue();
      this.#timeOut();
      await this.#finished.promise;
    }
    const senders = [this.#watch.stop()];
    await this.#pool.destroy();
    return { requests: this.#requests, durationMs: this.#plan.durationMs, senders };
  }

  elapsedMs(): number {
    return this.#clock.now() - this.#startedAt;
  }

  timing(index: number, header: string): void {
    const timing = parseServerTiming(header);
    if (timing !== undefined) this.#requests.timing(index, timing.waitMs, timing.execMs);
  }

  settle(reply: Reply, outcome: OutcomeName): void {
    if (!this.#underWay.delete(reply)) return;
    this.#watch.inFlight--;
    this.#requests.settle(reply.index, outcome, reply.status, this.elapsedMs());
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (this.#requests.settled === this.#plan.arrivals.length) this.#finished.resolve();
  }

  #sendDue(): void {
    const { arrivals } = this.#plan;
    while (this.#next < arrivals.length) {
      const aheadMs = (arrivals[this.#next] as number) - this.elapsedMs();
      if (aheadMs > 0) {
        this.#clock.setTimeout(() => this.#sendDue(), aheadMs);
        return;
      }
      this.#send(this.#next++);
    }
  }

  #send(arrival: number): void {
    const { firstNumber, mix } = this.#target;
    const request = requestOf(mix, firstNumber + this.#share.index + arrival * this.#share.of);
    const intendedMs = this.#plan.arrivals[arrival] as number;
    const sentMs = this.elapsedMs();
    const index = this.#requests.begin(request.endpoint, intendedMs, sentMs);
    if (this.#underWay.size >= this.#plan.maxInFlight) {
      this.#requests.settle(index, 'unsent', 0, sentMs);
      this.#finishIfDone();
      return;
    }
    const { method, path, headers, body, expect } = request;
    const reply = new Reply(this, index, intendedMs + this.#target.timeoutMs, expect);
    this.#underWay.add(reply);
    this.#watch.inFlight++;
    this.#pool.dispatch({ method, path, headers, body }, reply);
  }

  /** Ends the requests whose time is over, and sets a timer for the next one. */
  #timeOut(): void {
    let nextMs = this.elapsedMs() + this.#target.timeoutMs;
    for (const reply of this.#underWay) {
      nextMs = reply.limitMs;
      if (reply.limitMs > this.elapsedMs()) break;
      reply.timeOut();
    }
    if (this.#requests.settled === this.#plan.arrivals.length) return;
    const timer = this.#clock.setTimeout(() => this.#timeOut(), Math.max(1, nextMs - this.elapsedMs()));
    void this.#finished.promise.then(() => timer.cancel());
  }
}

/** The reply to one request. */
class Reply extends ReplyReader {
  readonly index: number;
  readonly limitMs: number;
  readonly #run: OpenLoop;

  constructor(run: OpenLoop, index: number, limitMs: number, check: ReplyCheck | undefined) {
    super(check);
    this.#run = run;
    this.index = index;
    this.limitMs = limitMs;
  }

  protected timed(header: string): void {
    this.#run.timing(this.index, header);
  }

  protected ended(outcome: OutcomeName): void {
    this.#run.settle(this, outcome);
  }
}
