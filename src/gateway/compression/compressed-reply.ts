import { constants } from 'node:zlib';
import { rawHeader } from '../../core/raw-headers.ts';
import { chooseEncoding, type Encoding } from '../../policy/compression/accept-encoding.ts';
import { compressedFields, withVary } from '../../policy/compression/compressed-fields.ts';
import { isCompressible } from '../../policy/compression/compressible.ts';
import type { Exchange, Releasable } from '../exchange.ts';
import type { ClientReply, ReplyOwner, ReplyWriter } from '../http/client-reply.ts';
import { valueAt } from '../http/request-head.ts';
import type { CompressionStream, RouteCompression } from './compressions.ts';

/** The reply of a route that compresses: passes everything on, with a compressed body where that is allowed and accepted. */
export class CompressedReply implements ClientReply, ReplyWriter, Releasable {
  readonly #inner: ClientReply;
  readonly #x: Exchange;
  readonly #compressor: RouteCompression;
  #stream: CompressionStream | undefined;
  #encoding: Encoding | undefined;
  /** The length is not known, so a client may wait for each part. */
  #isStreamed = false;
  #isFlushing = false;
  #hasEnded = false;
  #sentBefore = 0;
  #writer: ReplyWriter | undefined;

  constructor(x: Exchange, compressor: RouteCompression) {
    this.#inner = x.reply;
    this.#x = x;
    this.#compressor = compressor;
  }

  get status(): number {
    return this.#inner.status;
  }

  get headSent(): boolean {
    return this.#inner.headSent;
  }

  get ended(): boolean {
    return this.#hasEnded || this.#inner.ended;
  }

  get isDelivered(): boolean {
    return this.#inner.isDelivered;
  }

  get isCut(): boolean {
    return this.#inner.isCut;
  }

  get isFull(): boolean {
    return this.#stream === undefined ? this.#inner.isFull : this.#stream.writableNeedDrain;
  }

  get deliveredBytes(): number {
    return this.#inner.deliveredBytes;
  }

  get writtenBytes(): number {
    return this.#inner.writtenBytes;
  }

  get closeAfterReply(): boolean {
    return this.#inner.closeAfterReply;
  }

  set closeAfterReply(closes: boolean) {
    this.#inner.closeAfterReply = closes;
  }

  ownedBy(owner: ReplyOwner): void {
    this.#inner.ownedBy(owner);
  }

  filledBy(writer: ReplyWriter): void {
    this.#writer = writer;
    if (this.#stream === undefined) this.#inner.filledBy(writer);
  }

  writeInformational(status: number, headers: readonly string[]): void {
    this.#inner.writeInformational(status, headers);
  }

  writeHead(status: number, headers: string[]): void {
    const { isType, rules, compressions } = this.#compressor;
    const contentLength = rawHeader(headers, 'content-length');
    const facts = {
      status,
      contentType: rawHeader(headers, 'content-type'),
      contentEncoding: rawHeader(headers, 'content-encoding'),
      contentLength,
      contentRange: rawHeader(headers, 'content-range'),
      cacheControl: rawHeader(headers, 'cache-control'),
    };
    if (!isCompressible(facts, rules, isType)) {
      // A 304 stands for a reply whose coding depends on the client.
      this.#inner.writeHead(status, status === 304 ? withVary(headers) : headers);
      return;
    }
    const encoding = chooseEncoding(acceptOf(this.#x), rules.encodings);
    const isHead = this.#x.request.method === 'HEAD';
    const stream = encoding === undefined || isHead ? undefined : compressions.open(encoding);
    if (encoding === undefined || (stream === undefined && !isHead)) {
      this.#inner.writeHead(status, withVary(headers));
      return;
    }
    this.#inner.writeHead(status, compressedFields(headers, encoding));
    if (stream !== undefined) this.#start(stream, encoding, contentLength === undefined);
  }

  flushHead(): void {
    this.#inner.flushHead();
  }

  write(chunk: Uint8Array): boolean {
    const stream = this.#stream;
    if (stream === undefined) return this.#inner.write(chunk);
    const hasRoom = stream.write(chunk);
    if (this.#isStreamed) this.#flush(stream);
    return hasRoom;
  }

  end(data?: string | Uint8Array, encoding: BufferEncoding = 'utf8'): void {
    this.#hasEnded = true;
    if (this.#stream === undefined) this.#inner.end(data, encoding);
    else if (typeof data === 'string') this.#stream.end(data, encoding);
    else this.#stream.end(data);
  }

  cut(): void {
    this.#inner.cut();
  }

  abort(): void {
    this.#inner.abort();
  }

  /** The client takes more again. */
  drained(): void {
    this.#stream?.resume();
  }

  /** The request has ended. */
  release(): void {
    const stream = this.#stream;
    const encoding = this.#encoding;
    if (stream === undefined || encoding === undefined) return;
    this.#encoding = undefined;
    this.#compressor.compressions.close(encoding, stream, this.#inner.writtenBytes - this.#sentBefore);
    stream.destroy();
  }

  #start(stream: CompressionStream, encoding: Encoding, isStreamed: boolean): void {
    const { bugs } = this.#compressor.compressions;
    this.#stream = stream;
    this.#encoding = encoding;
    this.#isStreamed = isStreamed;
    this.#sentBefore = this.#inner.writtenBytes;
    this.#inner.filledBy(this);
    this.#x.releaseAtEnd(this);
    const failed = (): void => this.#inner.cut();
    stream.on(
      'data',
      bugs.guard('compression', (chunk: Buffer) => this.#pass(stream, chunk), failed),
    );
    stream.on(
      'end',
      bugs.guard('compression', () => this.#inner.end(), failed),
    );
    stream.on(
      'drain',
      bugs.guard('compression', () => this.#writer?.drained(), failed),
    );
    stream.on('error', bugs.guard('compression', failed));
  }

  #pass(stream: CompressionStream, chunk: Buffer): void {
    if (this.#x.over || this.#inner.ended) return;
    if (!this.#inner.write(chunk)) stream.pause();
  }

  /** Sends what the compressor holds back; parts that come meanwhile share the next flush. */
  #flush(stream: CompressionStream): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const flushed = (): void => {
      this.#isFlushing = false;
      if (!stream.destroyed && stream.bytesWritten > flushedAt && !this.#hasEnded) this.#flush(stream);
    };
    const flushedAt = stream.bytesWritten + stream.writableLength;
    stream.flush(flushKind(this.#encoding), this.#compressor.compressions.bugs.guard('compression', flushed));
  }
}

const flushKind = (encoding: Encoding | undefined): number =>
  encoding === 'gzip'
    ? constants.Z_SYNC_FLUSH
    : encoding === 'br'
      ? constants.BROTLI_OPERATION_FLUSH
      : constants.ZSTD_e_flush;

/** Undefined also where the client forbids a change (RFC 9111 §5.2.1.6). */
function acceptOf({ head }: Exchange): string | undefined {
  let accept: string | undefined;
  for (const [index, name] of head.names.entries()) {
    if (name === 'cache-control' && /\bno-transform\b/i.test(valueAt(head, index))) return undefined;
    if (name === 'accept-encoding')
      accept = accept === undefined ? valueAt(head, index) : `${accept}, ${valueAt(head, index)}`;
  }
  return accept;
}
