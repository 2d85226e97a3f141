import type { AddressSet } from '../../core/addresses.ts';
import type { AccessLogConfig, RouteConfig } from '../../config/model.ts';
import type { AttemptRecord, RequestRecord } from '../../protocol/trace-record.ts';
import { type PathRedaction, redactionFor, secretPathOf } from '../access-log/path-redaction.ts';
import type { Exchange } from '../exchange.ts';
import { clientAddress } from '../http/client-network.ts';
import { fieldValue, listValue } from '../http/request-fields.ts';
import { shownAddress } from '../http/shown-address.ts';
import { streamKind } from '../stream-kind.ts';
import type { AttemptSpan } from './attempt-span.ts';
import type { RequestTrace } from './request-trace.ts';

/** The longest text of a client in a record, in characters. */
const MAX_TEXT = 1024;

/** Milliseconds to add to a monotonic time for one since the epoch. */
type WallOffset = number;

export interface RecordSettings {
  readonly clientAddress: AccessLogConfig['clientAddress'];
  readonly trustedProxies: AddressSet;
}

/** Makes the records of ended requests and attempts for control, without queries and without secrets. */
export class TraceRecordWriter {
  readonly #settings: RecordSettings;
  readonly #redactions = new WeakMap<RouteConfig, { readonly path: PathRedaction | undefined }>();

  constructor(settings: RecordSettings) {
    this.#settings = settings;
  }

  /** `isLate`: the request is traced because it failed or was slow, although the sampler left it out. */
  request(trace: RequestTrace, offset: WallOffset, isLate: boolean): RequestRecord {
    const { x } = trace;
    const { request, head } = x;
    const startMs = rounded(x.startedAt + offset);
    return {
      traceId: trace.traceId,
      spanId: trace.spanId,
      parentId: trace.parentId,
      flags: trace.flags,
      traceState: traceStateOf(trace),
      startMs,
      endMs: startMs + rounded(trace.elapsedMs),
      method: request.method,
      scheme: request.scheme,
      protocolVersion: request.version,
      path: this.#pathOf(x),
      route: x.route?.path ?? '',
      endpoint: x.metrics.endpoint,
      // 499 is our own word for a client that left; the client may have got the head of a reply.
      status: trace.status === 499 ? x.reply.status : trace.status,
      error: errorOf(trace),
      reason: x.refusal?.reason ?? '',
      clientAddress: this.#clientOf(x),
      userAgent: bounded(fieldValue(head, 'user-agent') ?? ''),
      requestId: x.id,
      queueMs: rounded(x.queueMs),
      permitMs: rounded(x.permitMs),
      coalescedMs: rounded(x.coalescedMs),
      execMs: x.execPhase === undefined ? -1 : rounded(x.execMs),
      cache: x.cacheResult ?? '',
      keyId: x.key?.id ?? '',
      stream: streamKind(x),
      isLate,
      attempts: trace.attempts.map((attempt) => this.attempt(trace, attempt, offset)),
    };
  }

  attempt({ x }: RequestTrace, span: AttemptSpan, offset: WallOffset): AttemptRecord {
    const { target, status, failure } = span;
    // An attempt that the client or a faster backend ended is no error of this backend.
    const isClients = failure?.reason === 'client-closed';
    const isCancelled = span.isSuperseded || isClients;
    const hasSecrets = x.route !== undefined && this.#redactionOf(x.route) !== undefined;
    return {
      spanId: span.id,
      startMs: rounded(span.startedAt + offset),
      endMs: rounded(span.endedAt + offset),
      method: target.method,
      upstream: target.upstream,
      backend: target.backend,
      origin: target.origin,
      path: hasSecrets ? '/[redacted]' : bounded(withoutQuery(target.path)),
      resends: span.resends,
      status,
      error: isCancelled ? '' : (failure?.reason ?? (status >= 400 ? String(status) : '')),
      cancelledBy: isCancelled ? (span.isSuperseded ? 'hedge' : 'client') : '',
    };
  }

  #pathOf(x: Exchange): string {
    // The path of a request without a route may be a mistyped one that holds a secret.
    if (x.metrics.endpoint === 'unmatched') return '';
    const redact = x.route && this.#redactionOf(x.route);
    return bounded(redact === undefined ? x.head.path : redact(x.head.path));
  }

  #redactionOf(route: RouteConfig): PathRedaction | undefined {
    let known = this.#redactions.get(route);
    if (known === undefined) {
      known = { path: redactionFor(secretPathOf(route)) };
      this.#redactions.set(route, known);
    }
    return known.path;
  }

  #clientOf(x: Exchange): string {
    const { clientAddress: shown, trustedProxies } = this.#settings;
    if (shown === 'none') return '';
    return shownAddress(clientAddress(x.request.peerAddress, x.head, trustedProxies), shown) ?? '';
  }
}

/** Characters of `tracestate` that W3C Trace Context §3.3.1.5 asks to propagate at least. */
const MAX_STATE = 512;

/** The `tracestate` of the client's trace; a longer one is left out, because a part of it would be a different state. */
export function traceStateOf({ x, parentId }: RequestTrace): string {
  if (parentId === '') return '';
  const said = listValue(x.head, 'tracestate') ?? '';
  return said.length <= MAX_STATE ? said : '';
}

/** Why a request failed, in a word; empty if it did not, or if its client left. */
function errorOf({ x, status }: RequestTrace): string {
  if (x.failure === 'client-closed' || (status < 500 && x.failure === undefined)) return '';
  return x.failure ?? x.refusal?.reason ?? String(status);
}

const bounded = (text: string): string => (text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT));

function withoutQuery(path: string): string {
  const end = path.indexOf('?');
  return end === -1 ? path : path.slice(0, end);
}

/** To the microsecond, which is as exact as the clocks are. */
const rounded = (ms: number): number => (ms === 0 ? 0 : Math.round(ms * 1000) / 1000);
