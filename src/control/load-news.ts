import type { Clock, Timer } from '../core/clock.ts';
import type { LeaseAllocator } from '../policy/permits/lease-allocator.ts';
import type { HostLoad } from '../protocol/lease.ts';

/** A worker hears of the others at most this often. */
const SPACING_MS = 5;
/** A smaller change of a queue, as a part of the permits, is not worth a message. */
const NOTABLE_PART = 1 / 16;

/** Tells each worker of one upstream what the other workers have waiting and in flight, when that has changed. */
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

  /** A worker has a new connection, and knows nothing of the others. */
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

  /** Once in a while: every difference, however small. */
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
