import type { Clock, Timer } from '../core/clock.ts';
import type { LeaseAllocator } from '../policy/permits/lease-allocator.ts';
import type { HostLoad } from '../protocol/lease.ts';

/** Shortest time between two messages to one worker. */
const SPACING_MS = 5;
/** Changes of a queue below this share of the permits are not sent at once. */
const NOTABLE_PART = 1 / 16;

/** Sends each worker of one upstream the waiting and in-flight requests of the other workers, when those change. */
export class LoadNews {
  readonly #book: LeaseAllocator;
  readonly #clock: Clock;
  readonly #send: (member: string, load: HostLoad) => void;
  readonly #told = new Map<string, HostLoad>();
  #timer: Timer | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(book: LeaseAllocator, clock: Clock, send: (member: string, load: HostLoad) => void) {
    this.#book = book;
    this.#clock = clock;
    this.#send = send;
  }

  /** A worker has connected, and knows nothing about the others yet. */
  joined(member: string): void {
    this.#told.delete(member);
    this.changed();
  }

  /** A worker has reported. */
  changed(): void {
    if (this.#timer !== undefined) return;
    const waitMs = this.#toldAt + SPACING_MS - this.#clock.now();
    if (waitMs <= 0) this.#tell(isNotable);
    else {
      this.#timer = this.#clock.setTimeout(() => {
        this.#timer = undefined;
        this.#tell(isNotable);
      }, waitMs);
    }
  }

  /** Sends every difference, however small; called once in a while. */
  tellAll(): void {
    this.#tell(differs);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #tell(isWorth: (load: HostLoad, told: HostLoad) => boolean): void {
    this.#toldAt = this.#clock.now();
    for (const { member, state } of this.#book.members()) {
      if (state !== 'present') {
        this.#told.delete(member);
        continue;
      }
      const load = this.#book.loadBeside(member);
      const told = this.#told.get(member);
      if (told !== undefined && !isWorth(load, told)) continue;
      this.#told.set(member, load);
      this.#send(member, load);
    }
  }
}

function isNotable(load: HostLoad, told: HostLoad): boolean {
  const least = load.permits * NOTABLE_PART;
  return (
    load.permits !== told.permits ||
    load.workers !== told.workers ||
    load.queued > 0 !== told.queued > 0 ||
    Math.abs(load.queued - told.queued) > least ||
    Math.abs(load.bulk - told.bulk) > least
  );
}

function differs(load: HostLoad, told: HostLoad): boolean {
  return isNotable(load, told) || load.queued !== told.queued || load.inFlight !== told.inFlight;
}
