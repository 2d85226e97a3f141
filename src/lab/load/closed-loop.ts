import autocannon from 'autocannon';
import type { Clock } from '../../core/clock.ts';
import { type CannonClient, ClosedConnection } from './closed-connection.ts';
import type { ClosedPlan, Engine, LoadResult, LoadTarget } from './engine.ts';
import { type MixedRequest, requestOf } from './mix.ts';
import type { OutcomeName } from './outcome.ts';
import { Requests } from './requests.ts';
import { SenderWatch } from './sender-watch.ts';
import { parseServerTiming } from './server-timing.ts';

/** Longer than any run; the end is ours to say, so that what is under way then is waited for and counted. */
const FOREVER_SECONDS = 1_000_000;
/** autocannon looks this often whether it shall stop. */
const STOP_SAMPLE_MS = 100;

/**
 * So many connections of autocannon, each with one request under way. Of autocannon only connections, parser and stop are
 * used: its counts leave out lost replies, its correction for coordinated omission is wrong by a factor of 1000, and it
 * knows no mixes. See closed-connection.ts.
 */
export const runClosedLoop: Engine<ClosedPlan> = (target, plan, clock) => new ClosedLoop(target, plan, clock).run();

/** What the connections of a run share. */
export class ClosedLoop {
  readonly target: LoadTarget;
  readonly plan: ClosedPlan;
  readonly clock: Clock;
  readonly #requests = new Requests();
  readonly #watch: SenderWatch;
  readonly #startedAt: number;
  readonly #drained = Promise.withResolvers<void>();
  #next: number;
  isOver = false;

  constructor(target: LoadTarget, plan: ClosedPlan, clock: Clock) {
    this.target = target;
    this.plan = plan;
    this.clock = clock;
    this.#next = target.firstNumber;
    this.#startedAt = clock.now();
    this.#watch = new SenderWatch(clock, this.#startedAt);
  }

  async run(): Promise<LoadResult> {
    const { connections, durationMs } = this.plan;
    const stopped = Promise.withResolvers<void>();
    const options = {
      url: this.target.origin,
      connections,
      duration: FOREVER_SECONDS,
      timeout: FOREVER_SECONDS,
      sampleInt: STOP_SAMPLE_MS,
      setupClient: (client: unknown) => void new ClosedConnection(this, client as CannonClient),
    };
    const cannon = autocannon(options, () => stopped.resolve());
    this.clock.setTimeout(() => this.#end(), durationMs);
    await this.#drained.promise;
    const senders = [this.#watch.stop()];
    cannon.stop();
    await stopped.promise;
    return { requests: this.#requests, durationMs, senders };
  }

  begin(): { readonly index: number; readonly request: MixedRequest } {
    const request = requestOf(this.target.mix, this.#next++);
    const now = this.#elapsedMs();
    this.#watch.inFlight++;
    return { index: this.#requests.begin(request.endpoint, now, now), request };
  }

  timing(index: number, header: string): void {
    const timing = parseServerTiming(header);
    if (timing !== undefined) this.#requests.timing(index, timing.waitMs, timing.execMs);
  }

  settle(index: number, outcome: OutcomeName, status: number): void {
    this.#watch.inFlight--;
    this.#requests.settle(index, outcome, status, this.#elapsedMs());
    this.#endIfDrained();
  }

  #elapsedMs(): number {
    return this.clock.now() - this.#startedAt;
  }

  #end(): void {
    this.isOver = true;
    this.#endIfDrained();
  }

  #endIfDrained(): void {
    if (this.isOver && this.#requests.settled === this.#requests.count) this.#drained.resolve();
  }
}
