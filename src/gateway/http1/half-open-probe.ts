import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import { deliveredBytes } from '../http/delivered-bytes.ts';

/** The first and the longest wait before the gateway probes a client that has ended its side. */
const FIRST_PROBE_MS = 10;
const LONGEST_PROBE_MS = 10_000;
/** After this long without a byte of the reply, a client that has ended its side counts as gone. */
const SILENT_PROBE_MS = 4000;

/** A client that may have ended its side. */
export interface Probed {
  readonly socket: Socket;
  /** Whether a reply to it is still due. */
  readonly isBusy: boolean;
  /** Whether it may be sent a `100 Continue`: not within a reply, and not in HTTP/1.0. */
  readonly mayContinue: boolean;
  probe(): void;
}

/**
 * A client that ends its side may wait for the reply (RFC 9112 §9.6 has no rule against it), or it may be gone; only a
 * write shows which. A client that is there ignores a `100 Continue`, and the kernel of a client that is gone resets
 * the connection. Since the gateway no longer reads from the connection, the next write detects the reset and cancels
 * the request, so the first waits are short. Within a reply, and in HTTP/1.0, the gateway can send only the reply.
 * There a client counts as gone after some seconds without a byte of the reply.
 */
export class HalfOpenProbe {
  readonly #clock: Clock;
  readonly #bugs: Bugs;

  constructor(clock: Clock, bugs: Bugs) {
    this.#clock = clock;
    this.#bugs = bugs;
  }

  /** Starts when the client ends its side. */
  watch(client: Probed): void {
    const { socket } = client;
    const ended = (): void => this.#wait(client, FIRST_PROBE_MS);
    socket.on(
      'end',
      this.#bugs.guard('connection', ended, () => socket.destroy()),
    );
  }

  #wait(client: Probed, waitMs: number): void {
    const { socket } = client;
    const before = deliveredBytes(socket);
    const ask = (): void => this.#ask(client, waitMs, before);
    this.#clock.setTimeout(
      this.#bugs.guard('connection', ask, () => socket.destroy()),
      waitMs,
    );
  }

  #ask(client: Probed, waitMs: number, before: number): void {
    const { socket } = client;
    if (socket.destroyed || !client.isBusy) return;
    const isSilent = deliveredBytes(socket) === before && socket.writableLength === 0;
    if (isSilent && waitMs >= SILENT_PROBE_MS && !client.mayContinue) socket.destroy();
    else client.probe();
    this.#wait(client, Math.min(LONGEST_PROBE_MS, waitMs * 2));
  }
}
