import { constants, type ServerHttp2Stream } from 'node:http2';
import { rawHeader } from '../../core/raw-headers.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { ClientCertificate } from '../http/client-certificate.ts';
import type { ClientReply, ReplyOwner, ReplyWriter } from '../http/client-reply.ts';
import type { BodyReceiver, ClientRequest, Framing, FramingFields } from '../http/client-request.ts';
import { malformed } from '../http/request-head.ts';
import { Refusal } from '../refusal.ts';
import { Http2Body } from './body.ts';
import { replyFields } from './reply-fields.ts';
import type { TranslatedRequest } from './request-lines.ts';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;

/** What a transaction knows of its connection. */
export interface TransactionSession {
  readonly peerAddress: string | undefined;
  /** The name of the TLS handshake, where the requests must be for that one. */
  readonly serverName: string | undefined;
  readonly certificate: ClientCertificate | undefined;
  readonly bugs: Bugs;
  /** The reply has ended, or its client has gone. */
  left(transaction: Http2Transaction): void;
}

/** Stands for a request that could not be translated; the refusal is its answer. */
const unreadable: TranslatedRequest = { method: '', target: '', headerLines: [], expectsContinue: false };

/** One request and its reply: a stream of an HTTP/2 connection. */
export class Http2Transaction implements ClientRequest, ClientReply {
  readonly version = '2';
  readonly scheme = 'https';
  readonly upgrade = undefined;
  readonly peerAddress: string | undefined;
  readonly method: string;
  readonly target: string;
  readonly headerLines: readonly string[];
  readonly serverName: string | undefined;
  closeAfterReply = false;
  status = 200;
  headSent = false;
  ended = false;
  writtenBytes = 0;
  /** When the client last took bytes of the reply, in monotonic milliseconds, and how many it had then. */
  progress = { at: 0, bytes: 0 };
  readonly #stream: ServerHttp2Stream;
  readonly #session: TransactionSession;
  readonly #refusal: Refusal | undefined;
  #expectsContinue: boolean;
  #announced: number | undefined = 0;
  #owner: ReplyOwner | undefined;
  #body: Http2Body | undefined;
  #hasBody = true;
  #isCut = false;

  constructor(stream: ServerHttp2Stream, request: TranslatedRequest | Refusal, session: TransactionSession) {
    const { method, target, headerLines, expectsContinue } = request instanceof Refusal ? unreadable : request;
    this.#stream = stream;
    this.#session = session;
    this.#refusal = request instanceof Refusal ? request : undefined;
    this.#expectsContinue = expectsContinue;
    this.method = method;
    this.target = target;
    this.headerLines = headerLines;
    this.peerAddress = session.peerAddress;
    this.serverName = session.serverName;
    // It follows a reset by the client, which closes the stream.
    stream.on('error', () => {});
    const closed = (): void => this.#closed();
    stream.on('close', session.bugs.guard('reply', closed));
  }

  framing({ host, contentLength }: FramingFields): Framing | Refusal {
    if (this.#refusal !== undefined) return this.#refusal;
    const announced = contentLength === undefined ? undefined : Number(contentLength);
    const isEmpty = this.#stream.endAfterHeaders;
    if (isEmpty && announced !== undefined && announced > 0)
      return malformed('the body is shorter than Content-Length');
    this.#announced = isEmpty ? 0 : announced;
    return { host: host ?? '', contentLength: this.#announced };
  }

  get certificate(): ClientCertificate | undefined {
    return this.#session.certificate;
  }

  get receivedBytes(): number {
    return this.#body?.bytes ?? 0;
  }

  receiveBody(receiver: BodyReceiver): void {
    this.#body = new Http2Body(this.#stream, receiver, this.#announced, this.#session.bugs);
    if (!this.#expectsContinue || this.headSent) return;
    this.#expectsContinue = false;
    this.writeInformational(constants.HTTP_STATUS_CONTINUE, []);
  }

  pauseBody(): void {
    this.#stream.pause();
  }

  resumeBody(): void {
    this.#stream.resume();
  }

  stopBody(): void {
    this.#body?.stop();
  }

  /** The stream has no end that a reply over it could still reach. */
  get isCut(): boolean {
    return this.#isCut || this.#stream.aborted || (this.#stream.destroyed && !this.#stream.writableFinished);
  }

  /** The client gave the request up. */
  get wasReset(): boolean {
    return this.#stream.aborted && !this.#isCut;
  }

  get isDelivered(): boolean {
    return this.ended && this.#stream.writableFinished && !this.#isCut && this.#stream.rstCode === NGHTTP2_NO_ERROR;
  }

  get isFull(): boolean {
    return this.#stream.writableNeedDrain;
  }

  /** Bytes of this reply that the client's window, and the connection, have taken. */
  get deliveredBytes(): number {
    return this.writtenBytes - this.#stream.writableLength - this.#stream.bufferSize;
  }

  ownedBy(owner: ReplyOwner): void {
    this.#owner = owner;
  }

  filledBy(writer: ReplyWriter): void {
    const drained = (): void => writer.drained();
    this.#stream.on(
      'drain',
      this.#session.bugs.guard('reply', drained, () => this.abort()),
    );
  }

  writeInformational(status: number, headers: readonly string[]): void {
    if (this.headSent || this.#isGone) return;
    this.#stream.additionalHeaders(replyFields(status, headers));
  }

  writeHead(status: number, headers: string[]): void {
    this.status = status;
    this.headSent = true;
    this.#hasBody = this.method !== 'HEAD' && status !== 204 && status !== 304;
    if (this.#isGone) return;
    try {
      // Node ends a stream before it resets it, so a reply that is cut would look complete. A reply that waits for trailers
      // ends only with them; in any other, the client counts the bytes.
      const isCounted = rawHeader(headers, 'content-length') !== undefined;
      const waitForTrailers = this.#hasBody && !isCounted;
      this.#stream.respond(replyFields(status, headers), { endStream: !this.#hasBody, waitForTrailers });
      if (waitForTrailers) this.#endWithTrailers();
    } catch (error) {
      // A field of a backend that HTTP/2 cannot carry.
      this.#session.bugs.report('reply', error);
      this.abort();
    }
  }

  /** `respond` has sent it. */
  flushHead(): void {}

  write(chunk: Uint8Array): boolean {
    if (!this.#hasBody || this.#isGone) return true;
    this.writtenBytes += chunk.length;
    return this.#stream.write(chunk);
  }

  end(data?: string | Uint8Array, encoding: BufferEncoding = 'utf8'): void {
    this.ended = true;
    if (this.#isGone) return;
    if (this.#hasBody) {
      const bytes = typeof data === 'string' ? Buffer.from(data, encoding) : data;
      this.writtenBytes += bytes?.length ?? 0;
      this.#stream.end(bytes);
    }
    const finished = (): void => this.#releaseRest();
    if (this.#stream.writableFinished) finished();
    else
      this.#stream.once(
        'finish',
        this.#session.bugs.guard('reply', finished, () => this.abort()),
      );
  }

  cut(): void {
    this.#isCut = true;
    this.#stream.close(NGHTTP2_INTERNAL_ERROR);
    // What the client has sent and nobody has read would keep the stream open.
    this.#stream.resume();
  }

  abort(): void {
    this.cut();
  }

  /** Ends a reply that its client does not read. */
  giveUp(): void {
    this.#isCut = true;
    this.#stream.close(NGHTTP2_CANCEL);
    this.#stream.resume();
  }

  get #isGone(): boolean {
    return this.#isCut || this.#stream.destroyed || this.#stream.closed;
  }

  #endWithTrailers(): void {
    const end = (): void => {
      if (!this.#isGone) this.#stream.sendTrailers({});
    };
    this.#stream.on(
      'wantTrailers',
      this.#session.bugs.guard('reply', end, () => this.abort()),
    );
  }

  /** The reply is complete while the client still sends: it need not send the rest (RFC 9113 §8.1). */
  #releaseRest(): void {
    if (this.#stream.readableEnded || this.#stream.destroyed) return;
    this.#stream.close(NGHTTP2_NO_ERROR);
    this.#stream.resume();
  }

  #closed(): void {
    try {
      this.#owner?.closed();
    } finally {
      this.#session.left(this);
    }
  }
}
