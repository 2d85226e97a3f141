import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import { codeOf } from '../../core/errors.ts';
import type { Connector } from './backend-endpoint.ts';
import { leaveOutContinue } from '../../core/interim-filter.ts';

/**
 * How long a backend may take to close after a cancelled request, and how long the gateway reads a reply after a failed
 * write.
 */
const LINGER_MS = 2000;

/**
 * The connections of one backend. It changes what undici's sockets do in three places:
 * - a `100 Continue` that nobody asked for is left out;
 * - a reset that meets a write is held back until what has arrived is read: it may be the reply (RFC 9112 §9.6);
 * - a cancelled request ends its connection with a FIN, and waits for the backend's.
 */
export class BackendSockets {
  readonly connect: Connector;
  readonly #clock: Pick<Clock, 'setTimeout'>;
  readonly #bugs: Bugs;
  #cancelling = false;
  #closed: Promise<void> | undefined;

  constructor({ connect }: { readonly connect: Connector }, clock: Pick<Clock, 'setTimeout'>, bugs: Bugs) {
    this.#clock = clock;
    this.#bugs = bugs;
    this.connect = (target, callback) => {
      const connected = (...[error, socket]: Parameters<typeof callback>): void => {
        if (error !== null) {
          callback(error, null);
          return;
        }
        this.#adapt(socket);
        callback(null, socket);
      };
      const end = (...[, socket]: Parameters<typeof callback>): void => {
        socket?.destroy();
        callback(new Error('the gateway met a bug with a connection to a backend'), null);
      };
      connect(target, bugs.guard('backend-socket', connected, end));
    };
  }

  /**
   * Calls `abort`, which makes undici drop the connection of a cancelled request. Resolves when the backend has closed
   * its side, after two seconds at most. Undefined if the request has no connection.
   */
  cancel(abort: () => void): Promise<void> | undefined {
    this.#closed = undefined;
    this.#cancelling = true;
    try {
      abort();
    } finally {
      this.#cancelling = false;
    }
    return this.#closed;
  }

  #adapt(socket: Socket): void {
    leaveOutContinue(socket, (error) => this.#bugs.report('backend-socket', error));
    const { destroy } = socket;
    let lingering: Lingering | undefined;
    socket.destroy = (error?: Error): Socket => {
      if (lingering !== undefined) return lingering.destroy(error);
      if (this.#cancelling) this.#closed = closeOf(socket);
      const reason = this.#cancelling ? 'cancelled' : isBrokenWrite(error) ? 'broken-write' : undefined;
      if (reason === undefined || socket.readableEnded || socket.connecting) return destroy.call(socket, error);
      lingering = new Lingering(
        socket,
        reason,
        (final) => destroy.call(socket, final ?? error),
        this.#clock,
        this.#bugs,
      );
      return socket;
    };
  }
}

const closeOf = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.once('close', () => resolve()));

/** The other side has reset the connection while we wrote to it. */
function isBrokenWrite(error: Error | undefined): boolean {
  const code = codeOf(error);
  return (
    (error as { syscall?: string } | undefined)?.syscall === 'write' && (code === 'EPIPE' || code === 'ECONNRESET')
  );
}

/** A connection that undici has given up, kept open until the other side has sent its last bytes. */
class Lingering {
  readonly #socket: Socket;
  readonly #reason: 'cancelled' | 'broken-write';
  readonly #finish: (error?: Error) => void;

  constructor(
    socket: Socket,
    reason: 'cancelled' | 'broken-write',
    destroy: (error?: Error) => void,
    clock: Pick<Clock, 'setTimeout'>,
    bugs: Bugs,
  ) {
    this.#socket = socket;
    this.#reason = reason;
    const limit = clock.setTimeout(() => destroy(), LINGER_MS);
    this.#finish = (error) => {
      limit.cancel();
      destroy(error);
    };
    if (reason === 'cancelled') {
      // undici must parse no more of it. At the end of a reply without a length it would assert that the request is
      // still wanted, in a listener of the socket: nothing catches that.
      socket.removeAllListeners('readable');
      socket.removeAllListeners('end');
    }
    const ended = (): void => this.#finish();
    socket.once(
      'end',
      bugs.guard('backend-socket', ended, () => destroy()),
    );
    socket.resume();
    if (reason === 'cancelled') socket.end();
  }

  /** A second call destroys it: the other side has ended, or undici has read its reply to the end. */
  destroy(error: Error | undefined): Socket {
    const syscall = (error as { syscall?: string } | undefined)?.syscall;
    const isRead = error === undefined || syscall === 'read';
    if (isRead || (this.#reason === 'broken-write' && syscall !== 'write')) this.#finish(isRead ? undefined : error);
    return this.#socket;
  }
}
