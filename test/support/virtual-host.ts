import type { AdmissionConfig } from '../../src/config/model.ts';
import { LoadNews } from '../../src/control/load-news.ts';
import type { Clock, Timer } from '../../src/core/clock.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { LeaseClient } from '../../src/gateway/upstream/lease-client.ts';
import type { Permit } from '../../src/gateway/upstream/permit.ts';
import { Refusal } from '../../src/gateway/refusal.ts';
import { Upstream } from '../../src/gateway/upstream/upstream.ts';
import { EventQueue } from '../../src/lab/simulator/event-queue.ts';
import type { AddressedOrder } from '../../src/policy/permits/addressed-order.ts';
import { LeaseAllocator } from '../../src/policy/permits/lease-allocator.ts';
import { quietInstruments } from './instruments.ts';

/** A clock of events: it goes from one timer to the next as fast as they can be called. */
class VirtualClock implements Clock {
  #now = 0;
  readonly #events = new EventQueue<{ callback: (() => void) | undefined }>();

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const event: { callback: (() => void) | undefined } = { callback };
    this.#events.push(this.#now + Math.max(0, delayMs), event);
    return { cancel: () => void (event.callback = undefined) };
  }

  setTimeLimit(callback: () => void, delayMs: number): Timer {
    return this.setTimeout(callback, delayMs);
  }

  async runUntil(end: number): Promise<void> {
    while (this.#events.nextAt <= end) {
      this.#now = this.#events.nextAt;
      this.#events.pop()?.callback?.();
      // What was promised meanwhile happens at the same time.
      for (let turn = 0; turn < 6; turn++) await undefined;
    }
    this.#now = end;
  }
}

export interface VirtualHostOptions {
  readonly workers: number;
  readonly backends: number;
  readonly cap: number;
  readonly queueCapacity?: number;
  readonly queueTimeoutMs?: number;
  readonly admission?: AdmissionConfig;
  /** How long a message between a worker and control is under way. */
  readonly messageMs?: number;
  /** How long a backend takes, with so many in flight at all of them. */
  readonly serviceMs: (random: Random, inFlight: number) => number;
  readonly seed?: number;
}

/** What came of the requests since the last `reset`. */
export interface Tally {
  served: number;
  readonly refused: Record<string, number>;
  readonly latencies: number[];
  /** Messages between workers and control. */
  messages: number;
  /** Permit time that was idle while a request waited somewhere, in permit-milliseconds. */
  idleWhileWaitingMs: number;
  mostQueued: number;
}

/** The workers of a host with control's book, in virtual time: production's queues, permits and messages, no sockets. */
export class VirtualHost {
  readonly clock = new VirtualClock();
  readonly book: LeaseAllocator;
  readonly workers: { readonly upstream: Upstream; readonly lease: LeaseClient }[] = [];
  readonly random: Random;
  tally: Tally = newTally();
  readonly #options: VirtualHostOptions;
  readonly #news: LoadNews;
  #inFlight = 0;

  constructor(options: VirtualHostOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed ?? 1);
    this.book = new LeaseAllocator(Array.from({ length: options.backends }, () => options.cap));
    this.#news = new LoadNews(this.book, this.clock, (member, load) =>
      this.#later(() => this.workers[Number(member)]?.lease.applyLoad(load)),
    );
    for (let index = 0; index < options.workers; index++) this.#addWorker(index);
    this.#tick();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.workers.reduce((sum, { upstream }) => sum + upstream.queueDepth, 0);
  }

  reset(): void {
    this.tally = newTally();
  }

  /** A client on one connection of a worker: asks again `thinkMs` after its reply, `pauseMs` after a refusal. */
  async closedLoop(worker: number, { thinkMs = 0, pauseMs = 10 } = {}): Promise<void> {
    for (;;) {
      const served = await this.request(worker);
      await this.#wait(served ? -Math.log(1 - this.random()) * thinkMs : pauseMs);
    }
  }

  /** Poisson arrivals at random workers. */
  async openLoop(perSecond: number): Promise<void> {
    for (;;) {
      await this.#wait((-Math.log(1 - this.random()) * 1000) / perSecond);
      void this.request(Math.floor(this.random() * this.workers.length));
    }
  }

  /** One request; whether it was served. */
  async request(worker: number): Promise<boolean> {
    const startedAt = this.clock.now();
    const { upstream } = this.workers[worker] as { upstream: Upstream };
    const claimant = { priority: 'interactive', fairKey: 'key' } as const;
    const acquired = upstream.acquire({ claimant, routeClass: 0, deadline: startedAt + 600_000 });
    this.tally.mostQueued = Math.max(this.tally.mostQueued, this.queued);
    const permit = 'result' in acquired ? await acquired.result : acquired;
    if (permit instanceof Refusal) {
      this.tally.refused[permit.reason] = (this.tally.refused[permit.reason] ?? 0) + 1;
      return false;
    }
    await this.#serve(permit);
    this.tally.served++;
    this.tally.latencies.push(this.clock.now() - startedAt);
    return true;
  }

  async runFor(milliseconds: number): Promise<void> {
    await this.clock.runUntil(this.clock.now() + milliseconds);
  }

  async close(): Promise<void> {
    this.#news.stop();
    for (const { upstream, lease } of this.workers) {
      lease.close();
      await upstream.close();
    }
  }

  async #serve(permit: Permit): Promise<void> {
    this.#inFlight++;
    await this.#wait(this.#options.serviceMs(this.random, this.#inFlight));
    this.#inFlight--;
    permit.release('success');
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimeout(resolve, milliseconds));
  }

  #addWorker(index: number): void {
    const { backends, cap, queueCapacity = 256, queueTimeoutMs = 1000, admission } = this.#options;
    const instruments = quietInstruments();
    const upstream = new Upstream(
      {
        name: 'u',
        backends: Array.from({ length: backends }, (_, b) => ({ id: `b${b}`, origin: `http://127.0.0.1:${b + 1}` })),
        cap,
        health: undefined,
        required: false,
        queueCapacity,
        queuePerPermit: 0,
        isAnnounced: false,
        queueTimeoutMs,
        isQueueTimeoutSet: this.#options.queueTimeoutMs !== undefined,
        admission: admission ?? { limit: 'fixed', minLimit: 1, maxWaitMs: 'auto' },
        balancer: 'least-in-flight',
        streams: { max: 10, idleTimeoutMs: 1000 },
        replyHeadBytes: 16_384,
      },
      {
        clock: this.clock,
        random: this.random,
        metrics: new GatewayMetrics(instruments.registry),
        bugs: instruments.bugs,
        timeouts: { connectMs: 1000, idleMs: 1000 },
        maxStreams: () => 10,
        initialPermits: () => 0,
      },
    );
    const member = String(index);
    const lease = new LeaseClient({
      upstream,
      share: 1,
      clock: this.clock,
      send: (_upstream, report) => {
        this.#later(() => {
          this.#send(this.book.reported(member, report, this.clock.now()));
          this.#news.changed();
        });
      },
    });
    this.workers.push({ upstream, lease });
    this.#later(() => {
      const held = lease.connected();
      lease.heard();
      this.#send(this.book.joined(member, held, this.clock.now()));
      this.#news.joined(member);
    });
  }

  #send(orders: readonly AddressedOrder[]): void {
    for (const { member, order } of orders) this.#later(() => this.workers[Number(member)]?.lease.apply(order));
  }

  #later(deliver: () => void): void {
    this.tally.messages++;
    this.clock.setTimeout(deliver, this.#options.messageMs ?? 0.3);
  }

  #tick(): void {
    this.clock.setTimeout(() => {
      this.#send(this.book.tick(this.clock.now()));
      this.#news.tellAll();
      this.#tick();
    }, 100);
    this.#watchIdle();
  }

  /** Looks once in a while whether permits idle beside work that waits. */
  #watchIdle(): void {
    for (let step = 1; step <= 20; step++) {
      this.clock.setTimeout(() => {
        const idle = this.book.caps.reduce((sum, cap) => sum + cap, 0) - this.#inFlight;
        this.tally.idleWhileWaitingMs += 5 * Math.max(0, Math.min(idle, this.queued));
      }, step * 5);
    }
  }
}

function newTally(): Tally {
  return { served: 0, refused: {}, latencies: [], messages: 0, idleWhileWaitingMs: 0, mostQueued: 0 };
}
