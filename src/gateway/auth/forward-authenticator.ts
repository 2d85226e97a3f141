import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ForwardAuthConfig } from '../../config/model.ts';
import { defaultRetryRules } from '../../policy/retry/retryable.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange, KeyIdentity } from '../exchange.ts';
import { clientAddress, clientNetwork } from '../http/client-network.ts';
import { schemeOf } from '../http/scheme.ts';
import { replyHeaders } from '../http/reply-sinks.ts';
import { valueAt } from '../http/request-head.ts';
import { Refusal } from '../refusal.ts';
import { forward } from '../stack.ts';
import type { ReplyHeaders } from '../upstream/reply-sink.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Authenticator, Identified } from './authenticator.ts';
import { AuthCaller } from './auth-caller.ts';
import { BoundedSink } from './bounded-sink.ts';

const CAPACITY = 10_000;

interface Verdict {
  readonly identity: KeyIdentity;
  /** Monotonic milliseconds. */
  readonly until: number;
}

/** Asks an upstream whether a request may come in. Verdicts that let one in can be kept for a while. */
export class ForwardAuthenticator implements Authenticator {
  readonly #gateway: GatewayContext;
  readonly #config: ForwardAuthConfig;
  readonly #upstream: Upstream;
  readonly #routeClass: number;
  readonly #known = new LRUCache<string, Verdict>({ max: CAPACITY });

  constructor(gateway: GatewayContext, config: ForwardAuthConfig, upstream: Upstream) {
    this.#gateway = gateway;
    this.#config = config;
    this.#upstream = upstream;
    this.#routeClass = upstream.classOf('forward auth');
  }

  identify(x: Exchange): Identified | Promise<Identified> {
    const lines = this.#linesOf(x);
    const question = hash('sha256', lines.join('\n'), 'base64');
    const known = this.#known.get(question);
    if (known !== undefined && this.#gateway.clock.now() < known.until) return known.identity;
    return this.#ask(x, lines, question);
  }

  async #ask(x: Exchange, lines: readonly string[], question: string): Promise<Identified> {
    const { path, timeoutMs, cacheSeconds } = this.#config;
    const sink = new BoundedSink();
    const headers = [...lines, 'host', x.head.host, 'x-request-id', x.id];
    if (x.traceparent !== '') headers.push('traceparent', x.traceparent);
    const refusal = await forward(
      new AuthCaller(x, this.#gateway.clock.now()),
      {
        upstream: this.#upstream,
        method: 'GET',
        path,
        headers,
        body: null,
        idempotent: true,
        pure: true,
        retry: defaultRetryRules,
        hedge: false,
        isStream: false,
        streamsAreWork: true,
        routeClass: this.#routeClass,
        timeoutMs,
        idleTimeoutMs: timeoutMs,
        clientWaitsMs: x.head.deadlineMs,
      },
      sink,
      this.#gateway.stack,
    );
    if (refusal !== undefined) return refusal;
    if (sink.isTooLarge) return tooLarge();
    if (sink.status < 200 || sink.status > 299) return passOn(x, sink);
    const identity = this.#identityOf(x, this.#linesForBackend(sink.headers));
    if (cacheSeconds > 0)
      this.#known.set(question, { identity, until: this.#gateway.clock.now() + cacheSeconds * 1000 });
    return identity;
  }

  /** By what the upstream says about the client, or by its network: a client that varies its URL stays the same one. */
  #identityOf(x: Exchange, headers: readonly string[]): KeyIdentity {
    const { trustedProxies } = this.#gateway;
    const who =
      headers.length > 0
        ? hash('sha256', headers.join('\n'), 'base64')
        : clientNetwork(x.request.peerAddress, x.head, trustedProxies);
    return { id: `forward:${who}`, name: '', headers };
  }

  /** The header lines that the verdict depends on. */
  #linesOf(x: Exchange): string[] {
    const { trustedProxies } = this.#gateway;
    const lines: string[] = [];
    for (const [index, name] of x.head.names.entries())
      if (this.#config.requestHeaders.includes(name)) lines.push(name, valueAt(x.head, index));
    lines.push('x-forwarded-method', x.request.method);
    lines.push('x-forwarded-proto', schemeOf(x, trustedProxies));
    lines.push('x-forwarded-host', x.head.host);
    lines.push('x-forwarded-uri', x.head.path + x.head.query);
    lines.push('x-forwarded-for', clientAddress(x.request.peerAddress, x.head, trustedProxies));
    return lines;
  }

  #linesForBackend(reply: ReplyHeaders): string[] {
    return this.#config.toBackend.flatMap((name) => {
      const value = reply[name];
      if (value === undefined) return [];
      return Array.isArray(value) ? value.flatMap((one) => [name, one]) : [name, value];
    });
  }
}

const tooLarge = (): Refusal =>
  new Refusal('upstream-failed', 'the reply of the authenticating upstream is too large', {
    proxyError: 'http_response_body_size',
  });

/** Its refusal goes to the client as it is: a redirect to a login page, a 401 with a challenge. */
function passOn(x: Exchange, sink: BoundedSink): 'answered' {
  const headers = replyHeaders(sink.headers, sink.status);
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2)
    if (headers[index] !== 'content-length') kept.push(headers[index] as string, headers[index + 1] as string);
  x.respond(sink.status, kept, sink.body());
  return 'answered';
}
