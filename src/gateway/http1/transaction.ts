import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClientCertificate } from '../http/client-certificate.ts';
import { handshakeName } from '../tls/handshake-name.ts';
import type { PeerCertificates } from '../tls/peer-certificates.ts';
import type { Clock } from '../../core/clock.ts';
import { rawHeader } from '../../core/raw-headers.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Exchange } from '../exchange.ts';
import type { ClientReply, ReplyOwner, ReplyWriter } from '../http/client-reply.ts';
import type { BodyReceiver, ClientRequest, ClientUpgrade, Framing, FramingFields } from '../http/client-request.ts';
import { deliveredBytes } from '../http/delivered-bytes.ts';
import { Refusal } from '../refusal.ts';
import { BodyReader } from './body-reader.ts';
import { http1Framing } from './framing.ts';
import { LingeringEnd } from './lingering-end.ts';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** An unwanted body is read and dropped to keep the connection, as long as that is cheaper than a new connection. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/**
 * A body up to this size that arrives in one piece is sent with the head as one text. Node then makes one system call
 * with one buffer, and neither corks nor gathers, which would cost more than the copy.
 */
const MAX_TEXT_BYTES = 4096;

/** The parts of the server that a transaction needs. */
export interface TransactionHost {
  readonly clock: Clock;
  readonly bugs: Bugs;
  readonly isDraining: () => boolean;
  /** Whether a request over TLS must be for the name that its handshake asked for. */
  readonly bindsHostToName: boolean;
  readonly certificates: PeerCertificates;
  /** Whether a connection has reached its maximum age, so that this reply is its last. */
  isOld(socket: Socket): boolean;
  /** A request has ended: the requests that waited for it on its connection may begin. */
  left(transaction: Http1Transaction): void;
}

const isSecure = (socket: Socket): socket is TLSSocket => 'encrypted' in socket;

/** One request and its reply on an HTTP/1.1 or HTTP/1.0 connection. */
export class Http1Transaction implements ClientRequest, ClientReply {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #host: TransactionHost;
  /** Set once, by the server. */
  exchange!: Exchange;
  upgrade: ClientUpgrade | undefined;
  closeAfterReply = false;
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue = false;
  /** Undefined for a chunked body; 0 until the head has been read. */
  #bodyBytes: number | undefined = 0;
  #owner: ReplyOwner | undefined;
  #body: BodyReader | undefined;
  #writtenBytes = 0;

  constructor(req: IncomingMessage, res: ServerResponse, host: TransactionHost) {
    this.#req = req;
    this.#res = res;
    this.#host = host;
  }

  get method(): string {
    return this.#req.method ?? '';
  }

  get target(): string {
    return this.#req.url ?? '';
  }

  get headerLines(): readonly string[] {
    return this.#req.rawHeaders;
  }

  get version(): string {
    return this.#req.httpVersion;
  }

  get socket(): Socket {
    return this.#req.socket;
  }

  get scheme(): 'http' | 'https' {
    return isSecure(this.#req.socket) ? 'https' : 'http';
  }

  get serverName(): string | undefined {
    const { socket } = this.#req;
    if (!this.#host.bindsHostToName || !isSecure(socket)) return undefined;
    return handshakeName(socket);
  }

  get certificate(): ClientCertificate | undefined {
    return this.#host.certificates.of(this.#req.socket);
  }

  get receivedBytes(): number {
    return this.#body?.bytes ?? this.upgrade?.receivedBytes ?? 0;
  }

  get writtenBytes(): number {
    // Node drops the body of a reply to HEAD.
    return this.method === 'HEAD' ? 0 : this.#writtenBytes + (this.upgrade?.writtenBytes ?? 0);
  }

  get peerAddress(): string | undefined {
    return this.#req.socket.remoteAddress;
  }

  framing(fields: FramingFields): Framing | Refusal {
    const framing = http1Framing(this.version, fields);
    if (!(framing instanceof Refusal)) this.#bodyBytes = framing.contentLength;
    return framing;
  }

  receiveBody(receiver: BodyReceiver): void {
    this.#body = new BodyReader(this.#req, receiver, this.#host.bugs);
    if (!this.expectsContinue) return;
    this.expectsContinue = false;
    this.#res.writeContinue();
  }

  pauseBody(): void {
    this.#req.pause();
  }

  resumeBody(): void {
    this.#req.resume();
  }

  stopBody(): void {
    this.#body?.stop();
  }

  get status(): number {
    return this.#res.statusCode;
  }

  get headSent(): boolean {
    return this.#res.headersSent;
  }

  get ended(): boolean {
    return this.#res.writableEnded;
  }

  get isDelivered(): boolean {
    return this.#res.writableFinished;
  }

  get isCut(): boolean {
    return this.#res.destroyed;
  }

  get isFull(): boolean {
    return this.#res.writableNeedDrain;
  }

  get deliveredBytes(): number {
    return deliveredBytes(this.#res.socket);
  }

  ownedBy(owner: ReplyOwner): void {
    this.#owner = owner;
    this.#res.on('close', () => this.#closed());
  }

  filledBy(writer: ReplyWriter): void {
    const drained = (): void => writer.drained();
    this.#res.on(
      'drain',
      this.#host.bugs.guard('reply', drained, () => this.abort()),
    );
  }

  writeInformational(status: number, headers: readonly string[]): void {
    // HTTP/1.0 has none (RFC 9110 §15.2).
    if (this.#res.headersSent || this.version === '1.0') return;
    // Not `writeEarlyHints`, because that throws for Link values that RFC 8288 allows, such as two links in one field.
    this.#res.writeInformation(status, headers);
  }

  writeHead(status: number, headers: string[]): void {
    // The client has announced a body and waits for `100 Continue`, which will not come. So the connection has no next
    // request.
    if (this.#isLast || this.#hasLongRest) {
      this.closeAfterReply = true;
      if (rawHeader(headers, 'connection') === undefined) headers.push('connection', 'close');
    }
    this.#res.writeHead(status, headers);
  }

  flushHead(): void {
    this.#res.flushHeaders();
  }

  write(chunk: Uint8Array): boolean {
    this.#writtenBytes += chunk.length;
    return this.#res.write(chunk);
  }

  /**
   * Ends the reply. If the connection must be closed while the request still arrives, the rest of the request is read
   * first. The kernel would reset a connection that is closed with unread bytes, and the client could lose the reply
   * (RFC 9112 §9.6).
   */
  end(data?: string | Uint8Array, encoding: BufferEncoding = 'utf8'): void {
    if (data instanceof Uint8Array && data.length > 0 && data.length <= MAX_TEXT_BYTES) {
      const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');
      this.end(text, 'latin1');
      return;
    }
    if (data !== undefined)
      this.#writtenBytes += typeof data === 'string' ? Buffer.byteLength(data, encoding) : data.length;
    const res = this.#res;
    if (this.#req.complete || this.#bodyBytes === 0 || !this.closeAfterReply || this.expectsContinue) {
      if (typeof data === 'string') res.end(data, encoding);
      else res.end(data);
      return;
    }
    res.flushHeaders();
    if (typeof data === 'string') res.write(data, encoding);
    else if (data !== undefined && data.length > 0) res.write(data);
    new LingeringEnd(this.#req, res, this.#host).start();
  }

  cut(): void {
    // For an HTTP/1.0 client the end of the connection is the end of the reply, so only a reset shows that the reply is
    // incomplete.
    // Over TLS the missing close_notify shows it.
    if (this.version === '1.0' && !isSecure(this.#req.socket)) this.#req.socket.resetAndDestroy();
    else if (this.version === '1.0') this.#req.socket.destroy();
    else this.#res.destroy();
  }

  abort(): void {
    this.#req.socket.destroy();
  }

  /** Whether the reply is the next on its connection, and may still have a 1xx before it. */
  get mayContinue(): boolean {
    return this.#res.socket !== null && !this.#res.headersSent && this.version === '1.1';
  }

  /** Finds out whether the client, which has ended its side, is still there. */
  probe(): void {
    if (this.exchange.isEndless) this.#req.socket.destroy();
    else if (this.mayContinue) this.#res.writeContinue();
  }

  /** Ends a reply that waits for its connection, because no other event shows it that the connection is gone. */
  closeUnassigned(): void {
    if (this.#res.socket !== null) return;
    this.#res.destroy();
    this.#res.emit('close');
  }

  get #isLast(): boolean {
    const host = this.#host;
    return this.closeAfterReply || this.expectsContinue || host.isDraining() || host.isOld(this.#req.socket);
  }

  get #hasLongRest(): boolean {
    return !this.#req.complete && (this.#bodyBytes === undefined || this.#bodyBytes > MAX_DISCARDED_BYTES);
  }

  #closed(): void {
    try {
      this.#owner?.closed();
    } catch (error) {
      this.#host.bugs.report('reply', error);
      this.abort();
    }
    try {
      this.#host.left(this);
    } catch (error) {
      this.#host.bugs.report('connection', error);
      this.abort();
    }
  }
}
