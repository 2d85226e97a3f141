import { Client } from 'undici';
import type { Timer } from '../../core/clock.ts';
import type { ClosedRun, UnderWay } from './closed-run.ts';
import type { Stay } from './engine.ts';
import type { OutcomeName } from './outcome.ts';
import { clientOptions } from './reply-connector.ts';
import { ReplyReader } from './reply-reader.ts';

const FIRST_RECONNECT_MS = 20;
const MAX_RECONNECT_MS = 1000;
/** A user keeps its connection however long it pauses. */
const KEEP_ALIVE_MS = 3_600_000;

/**
 * One user of a closed loop: a connection that has one request in flight at a time. The next request is due when the
 * last one has its outcome and a delay has passed: the plan's, the one that a refusal asks for, or after a lost
 * connection one that doubles. A user comes and goes as its stay says.
 */
export class ClosedUser {
  readonly #run: ClosedRun;
  readonly #stay: Stay;
  readonly #client: Client;
  /** Requests in a row that have ended with their connection. */
  #failures = 0;

  constructor(run: ClosedRun, stay: Stay) {
    this.#run = run;
    this.#stay = stay;
    const options = { pipelining: 1, keepAliveTimeout: KEEP_ALIVE_MS, ...clientOptions(run.target) };
    this.#client = new Client(run.target.origin, options);
  }

  start(): void {
    this.#after(this.#stay.fromMs - this.#run.elapsedMs());
  }

  /** Closes the connection; for the end of the run. */
  close(): Promise<void> {
    return this.#client.destroy();
  }

  /** The request of this reader has its outcome. `askedMs`: the pause that the reply asks for. */
  ended(underWay: UnderWay, outcome: OutcomeName, status: number, askedMs: number): void {
    this.#run.settle(underWay, outcome, status);
    const isLost = outcome === 'connection-error' || outcome === 'timeout';
    this.#failures = isLost ? this.#failures + 1 : 0;
    const { cycleDelayMs, waitsWhenRefused = false } = this.#run.plan;
    const refusedMs = waitsWhenRefused && outcome === 'refused' ? askedMs : 0;
    const lostMs = isLost ? Math.min(MAX_RECONNECT_MS, FIRST_RECONNECT_MS * 2 ** (this.#failures - 1)) : 0;
    this.#after(Math.max(cycleDelayMs, refusedMs, lostMs));
  }

  #after(delayMs: number): void {
    if (delayMs > 0) this.#run.later(() => this.#next(), delayMs);
    else this.#next();
  }

  #next(): void {
    if (this.#run.isOver) return;
    if (this.#run.elapsedMs() >= this.#stay.toMs) {
      void this.close();
      return;
    }
    const { clock, target } = this.#run;
    const underWay = this.#run.begin();
    const reply = new UserReply(this, this.#run, underWay);
    reply.limit = clock.setTimeout(() => reply.timeOut(), target.timeoutMs);
    const { method, path, headers, body } = underWay.request;
    this.#client.dispatch({ method, path, headers, body }, reply);
  }
}

/** The reply to the request that a user has in flight. */
class UserReply extends ReplyReader {
  limit: Timer | undefined;
  readonly #user: ClosedUser;
  readonly #run: ClosedRun;
  readonly #underWay: UnderWay;
  #retryAfterMs = 0;
  #hasEnded = false;

  constructor(user: ClosedUser, run: ClosedRun, underWay: UnderWay) {
    super(underWay.request.expect);
    this.#user = user;
    this.#run = run;
    this.#underWay = underWay;
  }

  protected timed(header: string): void {
    this.#run.timing(this.#underWay, header);
  }

  override onResponseStart(controller: unknown, status: number, headers: Readonly<Record<string, unknown>>): void {
    super.onResponseStart(controller, status, headers);
    if (status >= 400) this.#retryAfterMs = Math.max(0, Number(headers['retry-after']) * 1000) || 0;
  }

  protected ended(outcome: OutcomeName): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.limit?.cancel();
    this.#user.ended(this.#underWay, outcome, this.status, this.#retryAfterMs);
  }
}
