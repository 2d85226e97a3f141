import type { AddressSet } from '../../core/addresses.ts';
import type { AccessLogConfig, RouteConfig } from '../../config/model.ts';
import type { Exchange } from '../exchange.ts';
import type { Refusal } from '../refusal.ts';
import { clientAddress } from '../http/client-network.ts';
import { hundredths } from '../http/hundredths.ts';
import { fieldValue } from '../http/request-fields.ts';
import { shownAddress } from '../http/shown-address.ts';
import type { UnparsedRequest } from '../http/unparsed-request.ts';
import { jsonText } from '../../core/json-text.ts';
import { streamKind } from '../stream-kind.ts';
import { keptQuery } from './kept-query.ts';
import { type PathRedaction, redactionFor, redactionForUnmatched, secretPathOf } from './path-redaction.ts';

/** Largest parts of a line, so that a line stays below 4 KiB: a pipe takes no more at once without mixing writers. */
const MAX_PATH = 1500;
const MAX_QUERY = 500;
const MAX_USER_AGENT = 400;
const MAX_NAME = 255;

/** The end of a request, as the path has recorded it. */
export interface RequestEnd {
  readonly x: Exchange;
  /** 499: the client left. */
  readonly status: number;
  readonly elapsedMs: number;
  /** Milliseconds since the epoch. */
  readonly wallMs: number;
  /** The share of requests like this one that are logged. */
  readonly sampleRate: number;
  readonly configVersion: number | undefined;
}

/** The parts of a line that all requests of a route have. */
interface Place {
  readonly text: string;
  readonly redact: PathRedaction | undefined;
}

/**
 * Writes a request as one JSON line, by hand: JSON.stringify of an object would cost several times as much. Names are
 * those of OpenTelemetry's semantic conventions, flat, where they have one.
 */
export class AccessLineWriter {
  readonly #query: ReadonlySet<string>;
  readonly #address: AccessLogConfig['clientAddress'];
  readonly #trusted: AddressSet;
  readonly #places = new WeakMap<RouteConfig, Place>();
  readonly #ownPlaces = new Map<string, Place>();
  readonly #redactUnmatched: PathRedaction | undefined;
  #second = 0;
  #secondText = '';

  constructor(config: AccessLogConfig, routes: readonly RouteConfig[], trusted: AddressSet) {
    this.#query = new Set(config.query);
    this.#address = config.clientAddress;
    this.#trusted = trusted;
    this.#redactUnmatched = redactionForUnmatched(routes.map(secretPathOf));
  }

  line({ x, status, elapsedMs, wallMs, sampleRate, configVersion }: RequestEnd): string {
    const { request, reply, head } = x;
    const place = this.#placeOf(x);
    const path = place.redact === undefined ? head.path : place.redact(head.path);
    let line = `{"timestamp":"${this.#timestamp(wallMs)}"`;
    if (x.trace !== undefined) line += `,"trace_id":"${x.trace.traceId}","span_id":"${x.trace.spanId}"`;
    else if (x.traceparent !== '') line += `,"trace_id":"${x.traceparent.slice(3, 35)}"`;
    line += `,"rampart.request_id":"${x.id}","http.request.method":${jsonText(request.method, MAX_NAME)}`;
    line += `,"url.scheme":"${request.scheme}","server.address":${jsonText(head.host, MAX_NAME)}`;
    line += `,"url.path":${jsonText(path, MAX_PATH)}`;
    const query = keptQuery(head.query, this.#query);
    if (query !== '') line += `,"url.query":${jsonText(query, MAX_QUERY)}`;
    line += `${place.text},"http.response.status_code":${status}`;
    const error = x.failure ?? x.refusal?.reason;
    if (error !== undefined) line += `,"error.type":"${error}"${detailText(x.refusal)}`;
    line += `${this.#clientText(x)},"network.protocol.version":"${request.version}"`;
    const userAgent = fieldValue(head, 'user-agent');
    if (userAgent !== undefined) line += `,"user_agent.original":${jsonText(userAgent, MAX_USER_AGENT)}`;
    line += `,"http.request.body.size":${request.receivedBytes},"http.response.body.size":${reply.writtenBytes}`;
    line += timesText(x, elapsedMs);
    line += backendText(x);
    if (x.key !== undefined) line += `,"rampart.key_id":${jsonText(x.key.id, MAX_NAME)}`;
    const stream = streamKind(x);
    if (stream !== '') line += `,"rampart.stream":"${stream}"`;
    if (configVersion !== undefined) line += `,"rampart.config_version":${configVersion}`;
    return `${line},"rampart.sample_rate":${sampleRate}}\n`;
  }

  /** The method and the target of such a request are not known, or not to be believed. */
  unparsed({ id, refusal, peerAddress }: UnparsedRequest, wallMs: number): string {
    const { status, reason } = refusal;
    let line = `{"timestamp":"${this.#timestamp(wallMs)}","rampart.request_id":"${id}","http.request.method":"_OTHER"`;
    line += `,"rampart.endpoint":"unmatched","http.response.status_code":${status},"error.type":"${reason}"`;
    return `${line}${this.#addressText(peerAddress)},"network.protocol.version":"1.1","rampart.sample_rate":1}\n`;
  }

  #placeOf(x: Exchange): Place {
    const { route } = x;
    if (route === undefined) return this.#ownPlaceOf(x.metrics.endpoint);
    let place = this.#places.get(route);
    if (place === undefined) {
      const text = `,"http.route":${jsonText(route.path, MAX_NAME)},"rampart.endpoint":${jsonText(route.endpoint, MAX_NAME)}`;
      place = { text, redact: redactionFor(secretPathOf(route)) };
      this.#places.set(route, place);
    }
    return place;
  }

  /** Rampart's own endpoints, and requests that no route has taken. */
  #ownPlaceOf(endpoint: string): Place {
    let place = this.#ownPlaces.get(endpoint);
    if (place === undefined) {
      const redact = endpoint === 'unmatched' ? this.#redactUnmatched : undefined;
      place = { text: `,"rampart.endpoint":${jsonText(endpoint, MAX_NAME)}`, redact };
      this.#ownPlaces.set(endpoint, place);
    }
    return place;
  }

  #clientText(x: Exchange): string {
    if (this.#address === 'none') return '';
    return this.#addressText(clientAddress(x.request.peerAddress, x.head, this.#trusted));
  }

  #addressText(address: string): string {
    const shown = shownAddress(address, this.#address);
    return shown === undefined ? '' : `,"client.address":${jsonText(shown, MAX_NAME)}`;
  }

  /** RFC 3339 in UTC. The part down to the second is kept, because `toISOString` costs as much as the rest of the line. */
  #timestamp(wallMs: number): string {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * 1000).toISOString().slice(0, 19);
    }
    const ms = Math.floor(wallMs) - second * 1000;
    return `${this.#secondText}.${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
  }
}

/**
 * Which rule did not let the client in. Only of these refusals, whose details are the gateway's own words: those of
 * others may repeat what the client sent, which may be secret.
 */
function detailText(refusal: Refusal | undefined): string {
  if (refusal?.status !== 401 && refusal?.status !== 403) return '';
  return `,"rampart.detail":${jsonText(refusal.detail, MAX_NAME)}`;
}

/** Phases that took no time are left out. */
function timesText(x: Exchange, elapsedMs: number): string {
  const { waitMs } = x;
  let text = `,"rampart.duration_ms":${hundredths(elapsedMs)}`;
  text += `,"rampart.wait_ms":${hundredths(waitMs)},"rampart.exec_ms":${hundredths(x.execMs)}`;
  if (x.queueMs > 0) text += `,"rampart.wait_queue_ms":${hundredths(x.queueMs)}`;
  if (x.permitMs > 0) text += `,"rampart.wait_permit_ms":${hundredths(x.permitMs)}`;
  if (x.coalescedMs > 0) text += `,"rampart.wait_coalesced_ms":${hundredths(x.coalescedMs)}`;
  const uploadMs = x.readyAt - x.startedAt;
  if (uploadMs > 0) text += `,"rampart.upload_ms":${hundredths(uploadMs)}`;
  if (x.execPhase !== undefined) text += `,"rampart.exec_phase":"${x.execPhase}"`;
  return text;
}

function backendText(x: Exchange): string {
  let text = '';
  if (x.upstream !== '') text += `,"rampart.upstream":${jsonText(x.upstream, MAX_NAME)}`;
  if (x.backend !== '') text += `,"rampart.backend":${jsonText(x.backend, MAX_NAME)}`;
  if (x.attempts > 0) text += `,"rampart.attempts":${x.attempts}`;
  if (x.cacheResult !== undefined) text += `,"rampart.cache":"${x.cacheResult}"`;
  return text;
}
