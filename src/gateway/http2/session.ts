import { constants, type ServerHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { ClientCertificate } from '../http/client-certificate.ts';
import { handshakeName } from '../tls/handshake-name.ts';
import { PeerCertificates } from '../tls/peer-certificates.ts';
import { RefusalPause } from '../../policy/admission/refusal-pause.ts';
import { isFlood } from '../../policy/http2/session-traffic.ts';
import type { Clock } from '../../core/clock.ts';
import { codeOf } from '../../core/errors.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { ClientBehaviour } from '../exchange.ts';
import type { Http2Transaction, TransactionSession } from './transaction.ts';

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR } = constants;

/** How long a client may take for its first request, and may leave a reply unread without taking a byte. */
const FIRST_REQUEST_MS = 10_000;
const STALL_LIMIT_MS = 75_000;
/** GOAWAY with this stream announces the end, and refuses no request yet (RFC 9113 §6.8). */
const LAST_STREAM_ID = 2 ** 31 - 1;
/** Control frames that a client may send at once, and for each second after that. */
const CONTROL_BURST = 100;
const CONTROL_RATE = 10;
/** The same for requests that the client resets (CVE-2023-44487). nghttp2 counts them too, but only some of them in time. */
const RESET_BURST = 100;
const RESET_RATE = 20;
/** A client that sends no more before an error of the protocol has made a mistake. */
const MISTAKE_BYTES = 2048;

export interface SessionOptions {
  readonly clock: Clock;
  readonly bugs: Bugs;
  readonly keepAliveTimeoutMs: number;
  /** When it gets no new requests; infinite: never. */
  readonly oldAt: number;
  readonly bindsHostToName: boolean;
}

/** One HTTP/2 connection of a client, with its requests in progress. */
export class ClientSession implements TransactionSession, ClientBehaviour {
  readonly peerAddress: string | undefined;
  readonly serverName: string | undefined;
  readonly bugs: Bugs;
  readonly refusalPause = new RefusalPause();
  /** Its requests are independent of each other, so it does not wait for one reply before it sends the next. */
  readonly loop = { isClosed: (): boolean => false };
  readonly #session: ServerHttp2Session;
  readonly #socket: TLSSocket;
  readonly #certificates = new PeerCertificates();
  readonly #options: SessionOptions;
  readonly #open = new Set<Http2Transaction>();
  #idleSince: number;
  #requests = 0;
  #bodyBytes = 0;
  #replyBytes = 0;
  #controlFrames = 0;
  #resets = 0;
  #isAnnounced = false;
  #wasFlood = false;
  readonly #startedAt: number;

  constructor(session: ServerHttp2Session, socket: TLSSocket, options: SessionOptions) {
    const { clock, bugs, bindsHostToName } = options;
    this.#session = session;
    this.#socket = socket;
    this.#options = options;
    this.bugs = bugs;
    this.peerAddress = socket.remoteAddress;
    this.serverName = bindsHostToName ? handshakeName(socket) : undefined;
    this.#startedAt = clock.now();
    this.#idleSince = clock.now();
    // Each ping and each change of settings has to be answered.
    for (const frame of ['ping', 'remoteSettings'] as const)
      session.on(
        frame,
        bugs.guard('http2', () => this.#control()),
      );
  }

  get certificate(): ClientCertificate | undefined {
    return this.#certificates.of(this.#socket);
  }

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  begin(transaction: Http2Transaction): void {
    this.#requests++;
    this.#open.add(transaction);
    transaction.progress = { at: this.#options.clock.now(), bytes: 0 };
  }

  left(transaction: Http2Transaction): void {
    if (!this.#open.delete(transaction)) return;
    if (transaction.wasReset) this.sawReset();
    this.#bodyBytes += transaction.receivedBytes;
    this.#replyBytes += transaction.writtenBytes;
    if (this.isIdle) this.#idleSince = this.#options.clock.now();
  }

  /** Whether this request is the last one of its connection, by its age. */
  get isOld(): boolean {
    return this.#options.clock.now() >= this.#options.oldAt;
  }

  /** Ends what breaks a limit; called each second. */
  check(): void {
    const now = this.#options.clock.now();
    if (this.#isFlooded()) {
      this.endFlood();
      return;
    }
    for (const transaction of this.#open) if (hasStalled(transaction, now)) transaction.giveUp();
    const idleLimitMs = this.#requests === 0 ? FIRST_REQUEST_MS : this.#options.keepAliveTimeoutMs;
    if (this.isIdle && (now - this.#idleSince > idleLimitMs || this.isOld)) this.close();
  }

  /** Tells the client that the connection will end; requests on their way are still served. */
  announceEnd(): void {
    if (this.#isAnnounced || this.#session.destroyed) return;
    this.#isAnnounced = true;
    this.#session.goaway(NGHTTP2_NO_ERROR, LAST_STREAM_ID);
  }

  /** Takes no more requests, and ends when the present ones have ended. */
  close(): void {
    if (!this.#session.closed && !this.#session.destroyed) this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  /** Whether it was ended because of what the client sent, and that was more than a few frames. */
  get wasFlood(): boolean {
    return this.#wasFlood;
  }

  /** nghttp2 has ended it, or the connection was lost. */
  failed(error: unknown): void {
    const isProtocolError = codeOf(error)?.startsWith('ERR_HTTP2_') === true;
    if (isProtocolError && this.#socket.bytesRead > MISTAKE_BYTES) this.#wasFlood = true;
  }

  /** GOAWAY with the reason, and the end of all its requests. */
  endFlood(): void {
    this.#wasFlood = true;
    if (!this.#session.destroyed) this.#session.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** The client has reset a request. */
  sawReset(): void {
    this.#resets++;
    if (this.#resets > RESET_BURST + RESET_RATE * this.#seconds) this.endFlood();
  }

  #control(): void {
    this.#controlFrames++;
    if (this.#controlFrames > CONTROL_BURST + CONTROL_RATE * this.#seconds) this.endFlood();
  }

  /** Seconds since its beginning. */
  get #seconds(): number {
    return (this.#options.clock.now() - this.#startedAt) / 1000;
  }

  #isFlooded(): boolean {
    let bodyBytes = this.#bodyBytes;
    let replyBytes = this.#replyBytes;
    for (const { receivedBytes, writtenBytes } of this.#open) {
      bodyBytes += receivedBytes;
      replyBytes += writtenBytes;
    }
    const { bytesRead } = this.#socket;
    return isFlood({ receivedBytes: bytesRead, requests: this.#requests, bodyBytes, replyBytes });
  }
}

/** Whether bytes of a reply wait, and the client has not taken one of them for too long. */
function hasStalled(transaction: Http2Transaction, now: number): boolean {
  const bytes = transaction.deliveredBytes;
  const isWaiting = bytes < transaction.writtenBytes;
  if (!isWaiting || bytes !== transaction.progress.bytes) transaction.progress = { at: now, bytes };
  return now - transaction.progress.at > STALL_LIMIT_MS;
}
