import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import { deliveredBytes } from '../http/delivered-bytes.ts';

/** How long after the end of a client's side it is asked whether the client is there, and how the wait grows. */
const FIRST_PROBE_MS = 10;
const LONGEST_PROBE_MS = 10_000;
/** A reply that says nothing for so long to a client that has ended its side is for nobody. */
const SILENT_PROBE_MS = 4000;

/** A client that may have ended its side. */
export interface Probed {
  readonly socket: Socket;
  /** Whether it is owed a reply. */
  readonly isBusy: boolean;
  /** Whether it may be sent a `100 Continue`: not within a reply, and not in HTTP/1.0. */
  readonly mayContinue: boolean;
  probe(): void;
}

/**
 * A client that ends its side may wait for the reply (RFC 9112 §9.6 has no rule against it), or it may be gone: only sending
 * something tells. A `100 Continue` is nothing to a client that is there, and makes the kernel of one that is gone reset the
 * connection. The next write meets the reset, as nothing is read any more, and cancels the request: hence the short waits at
 * first. Within a reply, and in HTTP/1.0, nothing can be sent but the reply: a client to which that has said nothing for some
 * seconds counts as gone.
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
