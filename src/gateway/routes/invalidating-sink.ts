import { uuidv7 } from '../../core/ids.ts';
import { parseGroups } from '../../policy/cache/groups.ts';
import { joined } from '../../policy/cache/storing.ts';
import type { ReplyHeaders } from '../upstream/reply-sink.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayContext } from '../context.ts';
import { forwardedSelection } from '../http/request-headers.ts';
import { ClientSink, type ClientSinkOptions } from '../http/reply-sinks.ts';

/** A reply that waits until the other workers have removed the replies that it makes outdated. */
interface HeldReply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly chunks: Buffer[];
  bytes: number;
  resume: (() => void) | undefined;
  isEnded: boolean;
}

/**
 * The reply to an unsafe request. After a success, all workers of the host remove their stored replies for its target
 * (RFC 9111 §4.4) before the client gets the reply. So the client then reads the new state from any worker.
 */
export class InvalidatingSink extends ClientSink {
  readonly #gateway: GatewayContext;
  readonly #x: Exchange;
  readonly #maxHeldBytes: number;
  #held: HeldReply | undefined;

  constructor(gateway: GatewayContext, x: Exchange, options: ClientSinkOptions) {
    super(x, options);
    this.#gateway = gateway;
    this.#x = x;
    this.#maxHeldBytes = options.bufferReplyBytes;
  }

  override head(status: number, headers: ReplyHeaders): void {
    const others = status < 400 ? this.#outdate(headers) : undefined;
    if (others === undefined) {
      super.head(status, headers);
      return;
    }
    this.#held = { status, headers, chunks: [], bytes: 0, resume: undefined, isEnded: false };
    this.#x.isReplyHeld = true;
    void others.then(
      this.#gateway.bugs.guard(
        'held-reply',
        () => this.#release(),
        () => this.#x.cutReply(),
      ),
    );
  }

  override data(chunk: Buffer, resume: () => void): boolean {
    if (this.#held === undefined) return super.data(chunk, resume);
    this.#held.chunks.push(chunk);
    this.#held.bytes += chunk.length;
    if (this.#held.bytes <= this.#maxHeldBytes) return true;
    this.#held.resume = resume;
    return false;
  }

  override end(): void {
    if (this.#held === undefined) super.end();
    else this.#held.isEnded = true;
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    this.#x.isReplyHeld = false;
    // The attempt has failed, or its client has left, so the reply has ended already.
    if (held === undefined || this.#x.over || this.#x.reply.isCut) return;
    super.head(held.status, held.headers);
    let isFull = false;
    const resume = (): void => held.resume?.();
    for (const chunk of held.chunks) isFull = !super.data(chunk, resume) || isFull;
    if (held.isEnded) super.end();
    else if (!isFull) resume();
  }

  /** Undefined if no other worker has stored replies to remove, or if control is unavailable. */
  #outdate(headers: ReplyHeaders): Promise<void> | undefined {
    const { cache, cachePeers, clock, trustedProxies } = this.#gateway;
    const { path, query, origin } = this.#x.head;
    const named = [headers['location'], headers['content-location']].flatMap((value) => this.#target(value));
    const targets = [...new Set([path + query, ...named])];
    const selection = forwardedSelection(this.#x, trustedProxies);
    // Replies of these groups are removed, whatever other groups they are in (RFC 9875 §3).
    const groups = parseGroups(joined(headers['cache-group-invalidation']));
    const invalidate = { host: origin, targets, selection, ...(groups.length > 0 && { groups }) };
    // By the id all hosts know the order again when it has a place in the news.
    const order = { invalidate, ...(cache.isShared && { news: { id: uuidv7(clock.wallNow()) } }) };
    cache.carryOut(order);
    return cachePeers.announce(order);
  }

  /** A reply cannot invalidate replies of another host. */
  #target(value: string | string[] | undefined): string[] {
    const base = `http://${this.#x.head.host}`;
    if (typeof value !== 'string' || !URL.canParse(value, base)) return [];
    const url = new URL(value, base);
    return url.host === new URL(base).host ? [url.pathname + url.search] : [];
  }
}
