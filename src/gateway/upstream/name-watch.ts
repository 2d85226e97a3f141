import { isIP } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';

/** A name in a file has no TTL; one of the DNS is asked for through the system's resolver, which keeps to its TTL. */
const LOOK_UP_INTERVAL_MS = 5_000;

/** The addresses of a host name, as the system resolves it. */
export type LookUp = (name: string) => Promise<readonly string[]>;

export interface NameWatchOptions {
  /** Of a backend; one with an address in it is not watched. */
  readonly origin: string;
  readonly clock: Clock;
  readonly lookUp: LookUp;
  /** An address that the name had is gone from the answer: connections to it are to end. */
  readonly onMoved: () => void;
}

/** Resolves the name of a backend again and again, as kept connections would stay with an old address for ever. */
export class NameWatch {
  readonly #options: NameWatchOptions;
  readonly #name: string;
  #known: readonly string[] = [];
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: NameWatchOptions) {
    this.#options = options;
    this.#name = new URL(options.origin).hostname;
    if (isIP(this.#name.replace(/^\[|\]$/g, '')) === 0) void this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { clock, lookUp, onMoved } = this.#options;
    try {
      const addresses = await lookUp(this.#name);
      if (this.#closed) return;
      const hasLost = this.#known.some((address) => !addresses.includes(address));
      this.#known = addresses;
      if (hasLost) onMoved();
    } catch {
      // A resolver that is away says nothing of where the backend is.
    }
    if (!this.#closed) this.#timer = clock.setTimeout(() => void this.#look(), LOOK_UP_INTERVAL_MS);
  }
}
