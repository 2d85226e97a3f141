import type { Clock, Timer } from '../../core/clock.ts';
import type { ClosedPlan, LoadResult, LoadTarget } from './engine.ts';
import { type MixedRequest, requestOf } from './mix.ts';
import type { OutcomeName } from './outcome.ts';
import { Requests } from './requests.ts';
import { SenderWatch } from './sender-watch.ts';
import { parseServerTiming } from './server-timing.ts';

/** A request without its outcome, and its row in each part of the run that it lies in. */
export interface UnderWay {
  readonly request: MixedRequest;
  readonly rows: { readonly part: Part; readonly index: number }[];
}

/** A stretch of the run; its rows are forgotten with it. */
interface Part {
  readonly requests: Requests;
  readonly watch: SenderWatch;
  readonly drained: PromiseWithResolvers<void>;
  isOver: boolean;
}

/** A stretch that was cut off. */
export interface CutPart {
  /** When it was, in milliseconds from the start of the run. */
  readonly atMs: number;
  /** Once its last request has an outcome. A request that lies over a cut has a row on both sides of it. */
  readonly result: Promise<LoadResult>;
}

/** The shared part of the connections of a run. */
export class ClosedRun {
  readonly target: LoadTarget;
  readonly plan: ClosedPlan;
  readonly clock: Clock;
  readonly #startedAt: number;
  readonly #underWay = new Set<UnderWay>();
  readonly #ended = Promise.withResolvers<void>();
  /** The pauses of users; none outlives the run. */
  readonly #waits = new Set<Timer>();
  #part: Part;
  #next: number;
  /** When a request was last answered, refused or timed out, and how many connections have failed since. */
  #lastAnswerMs = 0;
  #lost = 0;
  isOver = false;

  constructor(target: LoadTarget, plan: ClosedPlan, clock: Clock) {
    this.target = target;
    this.plan = plan;
    this.clock = clock;
    this.#next = target.firstNumber;
    this.#startedAt = clock.now();
    this.#part = this.#newPart();
  }

  /** How many requests were begun. */
  get begun(): number {
    return this.#next - this.target.firstNumber;
  }

  /** For how long every request has ended with its connection; 0 where the last one did not. */
  lostForMs(): number {
    return this.#lost === 0 ? 0 : this.elapsedMs() - this.#lastAnswerMs;
  }

  /** Resolves with the last part of the run, which is all of it where nothing was cut off, once nothing is under way. */
  async ended(): Promise<LoadResult> {
    await this.#ended.promise;
    await this.#part.drained.promise;
    const senders = [this.#part.watch.stop()];
    return { requests: this.#part.requests, durationMs: this.plan.durationMs, senders };
  }

  /** Ends a part of the run here and begins another, for runs so long that not all of their rows can be kept. */
  cut(): CutPart {
    const part = this.#part;
    const senders = [part.watch.stop()];
    this.#part = this.#newPart();
    for (const { rows } of this.#underWay) {
      const { index } = rows.at(-1) as UnderWay['rows'][number];
      const { requests } = part;
      const again = this.#part.requests.begin(
        requests.endpoint(index),
        requests.intendedMs(index),
        requests.sentMs(index),
      );
      rows.push({ part: this.#part, index: again });
    }
    this.#close(part);
    const { durationMs } = this.plan;
    const result = part.drained.promise.then((): LoadResult => ({ requests: part.requests, durationMs, senders }));
    return { atMs: this.elapsedMs(), result };
  }

  /** No request is begun from here on. */
  end(): void {
    this.isOver = true;
    for (const wait of this.#waits) wait.cancel();
    this.#close(this.#part);
    this.#ended.resolve();
  }

  begin(): UnderWay {
    const request = requestOf(this.target.mix, this.#next++);
    const now = this.elapsedMs();
    const part = this.#part;
    part.watch.inFlight++;
    const underWay = { request, rows: [{ part, index: part.requests.begin(request.endpoint, now, now) }] };
    this.#underWay.add(underWay);
    return underWay;
  }

  timing({ rows }: UnderWay, header: string): void {
    const timing = parseServerTiming(header);
    if (timing === undefined) return;
    for (const { part, index } of rows) part.requests.timing(index, timing.waitMs, timing.execMs);
  }

  settle(underWay: UnderWay, outcome: OutcomeName, status: number): void {
    this.#underWay.delete(underWay);
    this.#part.watch.inFlight--;
    const endMs = this.elapsedMs();
    if (outcome === 'connection-error') this.#lost++;
    else [this.#lastAnswerMs, this.#lost] = [endMs, 0];
    for (const { part, index } of underWay.rows) {
      part.requests.settle(index, outcome, status, endMs);
      drainIfDone(part);
    }
  }

  /** Unless the run is over by then. */
  later(act: () => void, delayMs: number): void {
    const wait = this.clock.setTimeout(() => {
      this.#waits.delete(wait);
      act();
    }, delayMs);
    this.#waits.add(wait);
  }

  elapsedMs(): number {
    return this.clock.now() - this.#startedAt;
  }

  #newPart(): Part {
    return {
      requests: new Requests(),
      watch: new SenderWatch(this.clock, this.#startedAt, this.#underWay.size),
      drained: Promise.withResolvers(),
      isOver: false,
    };
  }

  #close(part: Part): void {
    part.isOver = true;
    drainIfDone(part);
  }
}

function drainIfDone({ isOver, requests, drained }: Part): void {
  if (isOver && requests.settled === requests.count) drained.resolve();
}
