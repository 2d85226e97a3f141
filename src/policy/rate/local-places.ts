import { type PlaceAsk, type PlaceNews, SCARCE_MS } from '../../protocol/places.ts';

/** A worker keeps unused places of a client for this long after its last request, so that the next one need not ask. */
const KEPT_MS = 500;

/**
 * The worker's half of the limit of requests in flight of one client: the places that control has given it, and its share
 * of them for the time when control does not answer.
 */
export class LocalPlaces {
  readonly subject: string;
  readonly #workers: number;
  max: number;
  /** When control last answered. */
  heardAt = Number.NEGATIVE_INFINITY;
  /** A request has begun to wait since control was last asked. */
  isWanted = false;
  /** Places that control knows to be here. */
  #known = 0;
  #used = 0;
  #scarceUntil = Number.NEGATIVE_INFINITY;
  #usedAt = Number.NEGATIVE_INFINITY;

  constructor(subject: string, max: number, workers: number) {
    this.subject = subject;
    this.max = max;
    this.#workers = workers;
  }

  get used(): number {
    return this.#used;
  }

  /** Whether nothing is lost if it is forgotten. */
  get isBlank(): boolean {
    return this.#used === 0 && this.#known === 0;
  }

  /** Takes a place that is here. */
  take(now: number): boolean {
    if (this.#used >= this.#known) return false;
    this.#used++;
    this.#usedAt = now;
    return true;
  }

  /** Takes a place while control cannot be asked: each worker has an equal part of the places, and at least one. */
  takeByShare(now: number): boolean {
    if (this.#used >= Math.ceil(this.max / this.#workers)) return false;
    this.#used++;
    this.#usedAt = now;
    return true;
  }

  /** A request has ended. */
  release(now: number): void {
    this.#used--;
    this.#usedAt = now;
  }

  heard({ given, isScarce }: PlaceNews, now: number): void {
    this.heardAt = now;
    this.#known += given;
    if (isScarce) this.#scarceUntil = now + SCARCE_MS;
  }

  /** What control must know, with the number of requests that wait; undefined: nothing. */
  ask(wanted: number, now: number): PlaceAsk | undefined {
    const held = Math.max(0, this.#used - this.#known);
    const isDue = now < this.#scarceUntil || now - this.#usedAt >= KEPT_MS;
    const returned = isDue && wanted === 0 ? Math.max(0, this.#known - this.#used) : 0;
    // Asking again because of each answer would never end.
    if (!this.isWanted && held === 0 && returned === 0) return undefined;
    this.isWanted = false;
    this.#known += held - returned;
    return { subject: this.subject, max: this.max, wanted, held, returned };
  }

  /** Control has not got it. */
  unsent({ held, returned }: PlaceAsk): void {
    this.#known += returned - held;
    this.isWanted = true;
  }

  /** Another control, or none: what it knew is void. */
  forget(): void {
    this.#known = 0;
    this.#scarceUntil = Number.NEGATIVE_INFINITY;
  }
}
