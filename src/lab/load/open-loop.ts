import { Pool } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { codeOf } from '../../core/errors.ts';
import { outcomeOfStatus, type OutcomeName, outcomes } from './outcome.ts';

export interface OpenLoopRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: string | null;
}

export interface OpenLoopOptions {
  readonly origin: string;
  /** Milliseconds from the start, in order; see arrivalTimes. */
  readonly arrivals: Float64Array;
  /** The request of the arrival with this index. */
  readonly request: (index: number) => OpenLoopRequest;
  /** Longest wait for a whole reply, from the intended start. */
  readonly timeoutMs: number;
  /** Requests that may be under way; an arrival beyond that is not sent, and counts as unsent. */
  readonly maxInFlight: number;
  readonly clock: Clock;
}

/** What became of every arrival, by its index. */
export interface OpenLoopResult {
  readonly arrivals: Float64Array;
  /** From the intended start to the end, in milliseconds: what a user would have seen, whatever held the sender up. */
  readonly latencyMs: Float64Array;
  /** From the intended start to the moment at which it was sent. */
  readonly sendLagMs: Float64Array;
  outcome(index: number): OutcomeName;
  status(index: number): number;
}

/**
 * Sends each request at its time, whether or not those before have been answered: only so does a stall show, as those
 * who would have come meanwhile do come (Tene, "How NOT to measure latency"). Resolves when every arrival has an outcome.
 */
export function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  return new OpenLoop(options).run();
}

class OpenLoop implements OpenLoopResult {
  readonly arrivals: Float64Array;
  readonly latencyMs: Float64Array;
  readonly sendLagMs: Float64Array;
  readonly #outcomes: Uint8Array;
  readonly #statuses: Uint16Array;
  readonly #options: OpenLoopOptions;
  readonly #pool: Pool;
  readonly #finished = Promise.withResolvers<void>();
  #startedAt = 0;
  #next = 0;
  #inFlight = 0;
  #settled = 0;

  constructor(options: OpenLoopOptions) {
    const count = options.arrivals.length;
    this.#options = options;
    this.arrivals = options.arrivals;
    this.latencyMs = new Float64Array(count);
    this.sendLagMs = new Float64Array(count);
    this.#outcomes = new Uint8Array(count);
    this.#statuses = new Uint16Array(count);
    const { timeoutMs } = options;
    this.#pool = new Pool(options.origin, {
      connections: null,
      pipelining: 1,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { timeout: timeoutMs },
    });
  }

  async run(): Promise<OpenLoopResult> {
    this.#startedAt = this.#options.clock.now();
    if (this.arrivals.length > 0) {
      this.#sendDue();
      await this.#finished.promise;
    }
    await this.#pool.destroy();
    return this;
  }

  outcome(index: number): OutcomeName {
    return outcomes[this.#outcomes[index] as number] as OutcomeName;
  }

  status(index: number): number {
    return this.#statuses[index] as number;
  }

  settle(index: number, outcome: OutcomeName, status: number): void {
    if (this.#outcomes[index] !== 0) throw new Error(`arrival ${index} ended twice`);
    this.#outcomes[index] = outcomes.indexOf(outcome);
    this.#statuses[index] = status;
    this.latencyMs[index] = this.#options.clock.now() - this.#startedAt - (this.arrivals[index] as number);
    if (outcome !== 'unsent') this.#inFlight--;
    this.#settled++;
    if (this.#settled === this.arrivals.length) this.#finished.resolve();
  }

  #sendDue(): void {
    const { clock } = this.#options;
    while (this.#next < this.arrivals.length) {
      const aheadMs = (this.arrivals[this.#next] as number) - (clock.now() - this.#startedAt);
      if (aheadMs > 0) {
        clock.setTimeout(() => this.#sendDue(), aheadMs);
        return;
      }
      this.#send(this.#next++, -aheadMs);
    }
  }

  #send(index: number, lagMs: number): void {
    const { request, maxInFlight } = this.#options;
    this.sendLagMs[index] = lagMs;
    if (this.#inFlight >= maxInFlight) {
      this.settle(index, 'unsent', 0);
      return;
    }
    this.#inFlight++;
    const { method, path, headers, body } = request(index);
    this.#pool.dispatch(
      { method, path, headers: headers as string[], body } as Parameters<Pool['dispatch']>[0],
      new Reply(this, index),
    );
  }
}

const timeouts = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT']);

/** The end of one request: as an object, since closures for each would cost the sender. */
class Reply {
  readonly #run: OpenLoop;
  readonly #index: number;
  #status = 0;

  constructor(run: OpenLoop, index: number) {
    this.#run = run;
    this.#index = index;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#run.settle(this.#index, outcomeOfStatus(this.#status), this.#status);
  }

  onResponseError(_controller: unknown, error: Error): void {
    const outcome = timeouts.has(codeOf(error) ?? '') ? 'timeout' : 'connection-error';
    this.#run.settle(this.#index, outcome, this.#status);
  }
}
