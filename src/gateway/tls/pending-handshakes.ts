import type { Socket } from 'node:net';
import { canonicalAddress } from '../../core/addresses.ts';
import type { Bugs } from '../../metrics/bugs.ts';

/** A handshake costs processor time before the client has shown anything, so few may be under way at a time. */
const MAX_PENDING = 1000;
const MAX_PENDING_PER_ADDRESS = 100;

/** The connections of a worker whose TLS handshake is under way. */
export class PendingHandshakes {
  readonly #bugs: Bugs;
  readonly #sockets = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();

  constructor(bugs: Bugs) {
    this.#bugs = bugs;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Takes up a connection that was accepted; false if there are too many. */
  begin(socket: Socket): boolean {
    const address = canonicalAddress(socket.remoteAddress ?? '');
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#sockets.size >= MAX_PENDING || ofAddress >= MAX_PENDING_PER_ADDRESS) return false;
    this.#sockets.add(socket);
    this.#byAddress.set(address, ofAddress + 1);
    socket.once(
      'close',
      this.#bugs.guard('tls', () => this.end(socket, address)),
    );
    return true;
  }

  /** The handshake of a connection is over, or the connection is. */
  end(socket: Socket, address = canonicalAddress(socket.remoteAddress ?? '')): void {
    if (!this.#sockets.delete(socket)) return;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }

  /** Ends those that are under way. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
