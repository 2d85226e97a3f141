import type { ClientReply, ReplyOwner, ReplyWriter } from '../../src/gateway/http/client-reply.ts';
import type {
  BodyReceiver,
  ClientRequest,
  ClientUpgrade,
  Framing,
  FramingFields,
} from '../../src/gateway/http/client-request.ts';

export interface MemoryRequest {
  readonly method?: string;
  readonly target?: string;
  /** Name, value, name, value. */
  readonly headerLines?: readonly string[];
  readonly version?: string;
  readonly peerAddress?: string | undefined;
}

/** A protocol adapter without a protocol: a request that a test gives, and the reply as the gateway wrote it. */
export class MemoryClient implements ClientRequest, ClientReply {
  readonly method: string;
  readonly target: string;
  readonly headerLines: readonly string[];
  readonly version: string;
  readonly scheme = 'http';
  receivedBytes = 0;
  readonly peerAddress: string | undefined;
  upgrade: ClientUpgrade | undefined;
  closeAfterReply = false;

  /** Interim replies: their status. */
  readonly informational: number[] = [];
  readonly headers = new Map<string, string>();
  status = 200;
  body = '';
  headSent = false;
  headFlushed = false;
  ended = false;
  isCut = false;
  isAborted = false;
  /** Set by a test whose client reads nothing. */
  isFull = false;
  deliveredBytes = 0;
  writtenBytes = 0;
  /** The body is asked for no more at the moment. */
  isBodyPaused = false;
  #owner: ReplyOwner | undefined;
  #writer: ReplyWriter | undefined;
  #receiver: BodyReceiver | undefined;
  readonly #over = Promise.withResolvers<void>();
  /** Resolves when the reply is over: whole, cut, or without its client. */
  readonly over = this.#over.promise;

  constructor({ method = 'GET', target = '/', headerLines, version = '2', peerAddress }: MemoryRequest = {}) {
    this.method = method;
    this.target = target;
    this.headerLines = headerLines ?? ['host', 'a.example'];
    this.version = version;
    this.peerAddress = peerAddress ?? '192.0.2.1';
  }

  get isDelivered(): boolean {
    return this.ended && !this.isCut;
  }

  framing({ host = '', contentLength }: FramingFields): Framing {
    return { host, contentLength: contentLength === undefined ? 0 : Number(contentLength) };
  }

  receiveBody(receiver: BodyReceiver): void {
    this.#receiver = receiver;
  }

  pauseBody(): void {
    this.isBodyPaused = true;
  }

  resumeBody(): void {
    this.isBodyPaused = false;
  }

  stopBody(): void {
    this.#receiver = undefined;
  }

  ownedBy(owner: ReplyOwner): void {
    this.#owner = owner;
  }

  filledBy(writer: ReplyWriter): void {
    this.#writer = writer;
  }

  writeInformational(status: number): void {
    this.informational.push(status);
  }

  writeHead(status: number, headers: string[]): void {
    this.headSent = true;
    this.status = status;
    for (let index = 0; index < headers.length; index += 2)
      this.headers.set((headers[index] as string).toLowerCase(), headers[index + 1] as string);
  }

  flushHead(): void {
    this.headFlushed = true;
  }

  write(chunk: Uint8Array): boolean {
    this.writtenBytes += chunk.length;
    this.body += Buffer.from(chunk).toString('latin1');
    return !this.isFull;
  }

  end(data: string | Uint8Array = '', encoding: BufferEncoding = 'utf8'): void {
    this.write(typeof data === 'string' ? Buffer.from(data, encoding) : data);
    this.ended = true;
    queueMicrotask(() => this.#close());
  }

  cut(): void {
    this.isCut = true;
    queueMicrotask(() => this.#close());
  }

  abort(): void {
    this.isAborted = true;
    this.cut();
  }

  /** The client sends a part of its body. */
  send(text: string): void {
    this.receivedBytes += Buffer.byteLength(text);
    this.#receiver?.bodyData(Buffer.from(text));
  }

  /** The client has sent all of its body. */
  sendEnd(): void {
    this.#receiver?.bodyEnd();
  }

  /** The client reads what waits for it. */
  read(): void {
    this.isFull = false;
    this.#writer?.drained();
  }

  /** The client goes away. */
  leave(): void {
    this.#receiver?.bodyAborted();
    this.isCut = true;
    this.#close();
  }

  #close(): void {
    this.#owner?.closed();
    this.#over.resolve();
  }
}
