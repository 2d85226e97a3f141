import { isIP } from 'node:net';
import { httpOrigin, socketPathOf } from '../../core/backend-url.ts';
import type { Clock, Timer } from '../../core/clock.ts';

/** A name in the hosts file has no TTL. A DNS name is resolved by the system's resolver, which respects the TTL. */
const LOOK_UP_INTERVAL_MS = 5_000;

/** The addresses of a host name, as the system resolves it. */
export type LookUp = (name: string) => Promise<readonly string[]>;

export interface NameWatchOptions {
  /** The URL of a backend; a URL with an IP address is not watched. */
  readonly origin: string;
  readonly clock: Clock;
  readonly lookUp: LookUp;
  /** Called when an address of the name is gone from the answer, so that connections to it are ended. */
  readonly onMoved: () => void;
  /** Called at each look: whether something else has changed that needs new connections, such as a certificate file. */
  readonly hasChanged?: () => boolean;
}

/** Resolves the name of a backend regularly, because kept connections would stay with an old address for ever. */
export class NameWatch {
  readonly #options: NameWatchOptions;
  /** Undefined for an address and for a Unix socket. */
  readonly #name: string | undefined;
  #known: readonly string[] = [];
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: NameWatchOptions) {
    this.#options = options;
    const { hostname } = new URL(httpOrigin(options.origin));
    const isName = socketPathOf(options.origin) === undefined && isIP(hostname.replace(/^\[|\]$/g, '')) === 0;
    this.#name = isName ? hostname : undefined;
    if (isName || options.origin.startsWith('https:')) void this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { clock, lookUp, onMoved, hasChanged } = this.#options;
    if (hasChanged?.() === true) onMoved();
    try {
      const addresses = this.#name === undefined ? [] : await lookUp(this.#name);
      if (this.#closed) return;
      const hasLost = this.#known.some((address) => !addresses.includes(address));
      this.#known = addresses;
      if (hasLost) onMoved();
    } catch {
      // A failure of the resolver does not mean that the backend has moved.
    }
    if (!this.#closed) this.#timer = clock.setTimeout(() => void this.#look(), LOOK_UP_INTERVAL_MS);
  }
}
