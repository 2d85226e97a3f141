import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { UpstreamConfig } from '../config/config.ts';
import { FifoQueue } from '../policy/admission/fifo-queue.ts';
import { leastInFlight } from '../policy/balance/least-in-flight.ts';
import { Backend, type BackendTimeouts, type Permit } from './backend.ts';
import type { Underway } from './exchange.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import { Refusal } from './refusal.ts';
import { clientClosed } from './request-body.ts';

export interface UpstreamDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: GatewayMetrics;
  readonly timeouts: BackendTimeouts;
  /** Permits of a new worker per backend, until control says otherwise. */
  readonly initialShare: (cap: number) => number;
}

/** A request that waits for a permit. */
interface Waiter {
  readonly grant: (result: Permit | Refusal) => void;
  readonly excluded: Backend | undefined;
}

/** A wait that can be given up: it then ends with the refusal of a client that left. */
export interface PendingPermit extends Underway {
  readonly result: Promise<Permit | Refusal>;
}

/** A group of interchangeable backends with one bounded queue in front. */
export class Upstream {
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #queue: FifoQueue<Waiter>;
  #timer: { timer: Timer; at: number } | undefined;
  #pumping = false;

  constructor(config: UpstreamConfig, dependencies: UpstreamDependencies) {
    this.name = config.name;
    this.#clock = dependencies.clock;
    this.#random = dependencies.random;
    this.#queue = new FifoQueue(config.queueCapacity, config.queueTimeoutMs);
    this.backends = config.backends.map(
      (backend) =>
        new Backend(backend, {
          cap: dependencies.initialShare(config.cap),
          upstream: config.name,
          timeouts: dependencies.timeouts,
          metrics: dependencies.metrics,
          now: () => this.#clock.now(),
        }),
    );
    const depth = dependencies.metrics.queueDepth.of(config.name, 'interactive');
    dependencies.metrics.registry.onSnapshot(() => depth.set(this.#queue.depth));
  }

  get queueDepth(): number {
    return this.#queue.depth;
  }

  /** A permit at once, a place in the queue, or a refusal when that is full. */
  acquire(excluded?: Backend): Permit | PendingPermit | Refusal {
    if (this.#queue.depth === 0) {
      const backend = this.#pick(excluded);
      if (backend !== undefined) return this.#take(backend);
    }
    return this.#enqueue(excluded);
  }

  /** Takes up what has changed: permits, health, a suspension that is over. */
  refresh(): void {
    this.#pump();
  }

  async close(): Promise<void> {
    this.#timer?.timer.cancel();
    await Promise.all(this.backends.map((backend) => backend.pool.destroy()));
  }

  /** On a second attempt another backend comes first, yet with a single one left it is that or nothing. */
  #pick(excluded: Backend | undefined): Backend | undefined {
    return leastInFlight(this.backends, this.#random, this.backends.length > 1 ? excluded : undefined);
  }

  #take(backend: Backend): Permit {
    return backend.take(() => {
      if (this.#queue.depth > 0) this.#pumpSoon();
    });
  }

  /**
   * In a microtask, not at once: undici calls back before it has put the connection aside, and would open another
   * for a request that is dispatched within the call.
   */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #enqueue(excluded: Backend | undefined): PendingPermit | Refusal {
    const { promise, resolve } = Promise.withResolvers<Permit | Refusal>();
    const ticket = this.#queue.join({ grant: resolve, excluded }, this.#clock.now());
    if (ticket === undefined) {
      return this.#isAway()
        ? new Refusal('no-backend', 'no backend is up, and the queue is full', { retryAfterSeconds: 1 })
        : new Refusal('overloaded', 'every backend is at its cap, and the queue is full', { retryAfterSeconds: 1 });
    }
    this.#arm();
    return {
      result: promise,
      giveUp: (refusal = clientClosed) => {
        if (ticket.leave()) resolve(refusal);
      },
    };
  }

  #isAway(): boolean {
    return this.backends.every((backend) => !backend.available);
  }

  #pump(): void {
    const now = this.#clock.now();
    for (const waiter of this.#queue.expire(now)) waiter.grant(this.#timedOut());
    while (this.#queue.depth > 0) {
      const backend = this.#pick(undefined);
      if (backend === undefined) break;
      const waiter = this.#queue.take(now);
      if (waiter === undefined) break;
      const preferred = waiter.excluded === backend ? (this.#pick(backend) ?? backend) : backend;
      waiter.grant(this.#take(preferred));
    }
    this.#arm();
  }

  #timedOut(): Refusal {
    return this.#isAway()
      ? new Refusal('no-backend', 'no backend came up while the request waited', { retryAfterSeconds: 1 })
      : new Refusal('queue-timeout', 'no backend became free while the request waited', { retryAfterSeconds: 1 });
  }

  /** One timer for the whole queue: at its first deadline, or when a suspended backend may be tried again. */
  #arm(): void {
    const deadline = this.#queue.nextDeadline();
    if (deadline === undefined) return;
    let at = deadline;
    for (const backend of this.backends) {
      const suspendedForMs = backend.suspendedForMs;
      if (suspendedForMs > 0) at = Math.min(at, this.#clock.now() + suspendedForMs);
    }
    if (this.#timer !== undefined) {
      if (this.#timer.at <= at) return;
      this.#timer.timer.cancel();
    }
    const timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#pump();
      },
      Math.max(1, at - this.#clock.now()),
    );
    this.#timer = { timer, at };
  }
}
