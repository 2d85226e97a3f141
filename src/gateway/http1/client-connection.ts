import type { Socket } from 'node:net';
import type { ClientLoop } from '../../policy/admission/client-loop.ts';
import { RefusalPause } from '../../policy/admission/refusal-pause.ts';
import type { Clock } from '../../core/clock.ts';
import { deliveredBytes } from '../http/delivered-bytes.ts';
import type { Probed } from './half-open-probe.ts';
import type { Http1Transaction } from './transaction.ts';

/** How long a client may leave a reply unread without taking a byte. */
const STALL_LIMIT_MS = 75_000;

/** One connection of a client. */
export class ClientConnection implements Probed {
  readonly socket: Socket;
  /** The address of the client. */
  readonly address: string;
  /** Requests that have not begun, in the order in which they came. */
  readonly waiting: Http1Transaction[] = [];
  readonly refusalPause = new RefusalPause();
  /** A reply was the last one. A request behind it never begins, so its client can safely send it again (RFC 9112 §9.6). */
  isClosing = false;
  readonly #inProgress = new Set<Http1Transaction>();
  readonly loop: ClientLoop<ClientConnection>;
  readonly #clock: Clock;
  #unsafe = 0;
  #delivered = 0;
  #deliveredAt = 0;

  constructor(socket: Socket, address: string, loop: ClientLoop<ClientConnection>, clock: Clock) {
    this.socket = socket;
    this.address = address;
    this.loop = loop;
    this.#clock = clock;
  }

  get isBusy(): boolean {
    return this.#inProgress.size > 0 || this.waiting.length > 0;
  }

  get mayContinue(): boolean {
    for (const transaction of this.#inProgress) if (transaction.mayContinue) return true;
    return false;
  }

  /**
   * Whether a request may begin beside those in progress. No request begins after an unsafe one before the reply to
   * that one (RFC 9112 §9.3.2), and an unsafe one waits for all requests before it, so that they take effect in their
   * order.
   */
  admits(transaction: Http1Transaction, maxInProgress: number): boolean {
    if (this.#inProgress.size === 0) return true;
    for (const one of this.#inProgress) if (one.closeAfterReply) return false;
    return transaction.exchange.isSafe && this.#unsafe === 0 && this.#inProgress.size < maxInProgress;
  }

  begin(transaction: Http1Transaction): void {
    this.#inProgress.add(transaction);
    this.loop.busy(this);
    if (!transaction.exchange.isSafe) this.#unsafe++;
  }

  probe(): void {
    for (const transaction of this.#inProgress) transaction.probe();
  }

  /** Whether replies wait in this process, and the client has not taken a byte of them for too long. */
  isStalled(now: number): boolean {
    const delivered = deliveredBytes(this.socket);
    if (delivered !== this.#delivered || this.socket.writableLength === 0) {
      this.#delivered = delivered;
      this.#deliveredAt = now;
    }
    return now - this.#deliveredAt > STALL_LIMIT_MS;
  }

  /** Ends the replies that wait for the connection, because no other event shows them that it is gone. */
  closeUnassigned(): void {
    for (const transaction of this.#inProgress) transaction.closeUnassigned();
  }

  /** False if it was not in progress. */
  end(transaction: Http1Transaction): boolean {
    if (!this.#inProgress.delete(transaction)) return false;
    this.isClosing ||= transaction.closeAfterReply;
    if (!transaction.exchange.isSafe) this.#unsafe--;
    if (this.#inProgress.size === 0 && !this.socket.destroyed) this.loop.idle(this, this.#clock.now());
    return true;
  }
}
