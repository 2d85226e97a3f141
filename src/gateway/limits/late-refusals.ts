import type { Clock, Timer } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Exchange } from '../exchange.ts';
import type { Cancellable } from '../upstream/cancellable.ts';
import type { Refusal } from '../refusal.ts';
import { peerAddress } from '../http/peer-address.ts';

/** Delayed refusals that a worker holds at a time; further ones are sent at once. */
const MAX_WAITING = 4096;

export interface LateRefusalsOptions {
  readonly clock: Clock;
  readonly bugs: Bugs;
  /** Whether a peer is a trusted proxy, whose connections carry many clients. */
  readonly isProxy: (address: string) => boolean;
}

/** Delays refusals to direct clients that retry at once after each of them. */
export class LateRefusals {
  readonly #options: LateRefusalsOptions;
  #waiting = 0;

  constructor(options: LateRefusalsOptions) {
    this.#options = options;
  }

  /** Calls `send` now, or later if the client ignores `Retry-After`; never after the client has left. */
  send(x: Exchange, refusal: Refusal, send: () => void): void {
    const pauseMs = this.#pauseMs(x, refusal);
    if (pauseMs === 0 || this.#waiting >= MAX_WAITING) {
      send();
      return;
    }
    this.#waiting++;
    const done = (): void => {
      this.#waiting--;
      x.underway = undefined;
    };
    const timer = this.#options.clock.setTimeout(() => {
      done();
      try {
        send();
      } catch (error) {
        this.#options.bugs.report('refusal', error, { requestId: x.id, endpoint: x.metrics.endpoint });
        x.reply.abort();
      }
    }, pauseMs);
    x.underway = new Pause(timer, done);
  }

  #pauseMs(x: Exchange, refusal: Refusal): number {
    if (refusal.extras.retryAfterSeconds === undefined || x.clientBehaviour === undefined) return 0;
    if (x.request.version === '1.0' || this.#options.isProxy(peerAddress(x.request.peerAddress ?? ''))) return 0;
    const now = this.#options.clock.now();
    const { refusalPause, loop } = x.clientBehaviour;
    if (!loop.isClosed(now)) {
      refusalPause.forget();
      return 0;
    }
    if (refusal.reason !== 'queue-timeout') return refusalPause.refused(x.startedAt, now);
    refusalPause.timedOut(x.startedAt, now);
    return 0;
  }
}

class Pause implements Cancellable {
  readonly #timer: Timer;
  readonly #done: () => void;

  constructor(timer: Timer, done: () => void) {
    this.#timer = timer;
    this.#done = done;
  }

  cancel(): void {
    this.#timer.cancel();
    this.#done();
  }
}
