import type { Random } from '../../core/random.ts';
import { homeOf } from '../../policy/balance/rendezvous.ts';
import { Refusal } from '../refusal.ts';
import { noStreamPlace } from './attempt-error.ts';
import type { Backend } from './backend.ts';

const isAvailable = ({ available }: Backend): boolean => available;

/**
 * The places of an upstream's streams: tunnels, event streams and long polls, which wait for their clients rather than for
 * a backend. They are no part of a cap, and do not queue.
 */
export class StreamPlaces {
  /** May be lowered below the number of open streams, which then stay open. */
  max: number;
  readonly #random: Random;
  #taken = 0;

  constructor(max: number, random: Random) {
    this.max = max;
    this.#random = random;
  }

  get taken(): number {
    return this.#taken;
  }

  get isFull(): boolean {
    return this.#taken >= this.max;
  }

  /**
   * A place at the backend with the fewest streams, or at that of the session; other than `excluded` if there is another
   * one.
   */
  open(backends: readonly Backend[], excluded: Backend | undefined, session?: number): Backend | Refusal {
    if (this.isFull) return noStreamPlace;
    const backend =
      session === undefined ? this.#least(backends, excluded) : homeOf(backends, session, excluded, isAvailable);
    if (backend === undefined) return new Refusal('no-backend', 'no backend is up', { retryAfterSeconds: 1 });
    this.take(backend);
    return backend;
  }

  #least(backends: readonly Backend[], excluded: Backend | undefined): Backend | undefined {
    const available = backends.filter((backend) => backend.available);
    const others = available.filter((backend) => backend !== excluded);
    const candidates = others.length > 0 ? others : available;
    const fewest = Math.min(...candidates.map(({ streams }) => streams));
    const least = candidates.filter(({ streams }) => streams === fewest);
    return least[Math.floor(this.#random() * least.length)];
  }

  take(backend: Backend): void {
    this.#taken++;
    backend.streams++;
  }

  giveBack(backend: Backend): void {
    this.#taken--;
    backend.streams--;
  }
}
