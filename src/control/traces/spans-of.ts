import type { AttemptRecord, LateAttemptRecord, RequestRecord } from '../../protocol/trace-record.ts';
import { CLIENT, msAttribute, numberAttribute, otlpSpan, SERVER, spanEvent, textAttribute } from './otlp-span.ts';

/** The methods that OpenTelemetry's semantic conventions name; any other one is `_OTHER`. */
const methods = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE']);

/** The spans of a request and its attempts, by OpenTelemetry's semantic conventions for HTTP (1.44), in OTLP's JSON form. */
export function requestSpans(record: RequestRecord): string[] {
  const { traceId, spanId: parentId, flags, traceState, attempts } = record;
  const spans = attempts.map((attempt) => attemptSpan({ traceId, parentId, flags, traceState, attempt }));
  return [serverSpan(record), ...spans];
}

/** The span of one attempt. */
export function attemptSpan({ traceId, parentId, flags, traceState, attempt }: LateAttemptRecord): string {
  const { spanId, startMs, endMs, method, error } = attempt;
  return otlpSpan(
    { traceId, spanId, parentId, flags, traceState, name: methodName(method), kind: CLIENT, startMs, endMs },
    { attributes: clientAttributes(attempt), events: '', isError: error !== '' },
  );
}

function serverSpan(record: RequestRecord): string {
  const { traceId, spanId, parentId, flags, traceState, startMs, endMs, method, route, error } = record;
  // Never the path itself: there would be as many names as paths.
  const name = route === '' ? methodName(method) : `${methodName(method)} ${route}`;
  return otlpSpan(
    { traceId, spanId, parentId, flags, traceState, name, kind: SERVER, startMs, endMs },
    { attributes: serverAttributes(record), events: waits(record), isError: error !== '' },
  );
}

function serverAttributes(record: RequestRecord): string {
  const { status, queueMs, permitMs, coalescedMs, execMs, isLate } = record;
  const waitMs = queueMs + permitMs + coalescedMs;
  return joined([
    methodAttributes(record.method),
    given('http.route', record.route),
    given('url.path', record.path),
    given('url.scheme', record.scheme),
    given('network.protocol.version', record.protocolVersion),
    status > 0 && numberAttribute('http.response.status_code', status),
    given('error.type', record.error),
    given('client.address', record.clientAddress),
    given('user_agent.original', record.userAgent),
    given('rampart.endpoint', record.endpoint),
    given('rampart.request_id', record.requestId),
    given('rampart.reason', record.reason),
    waitMs > 0 && msAttribute('rampart.wait_ms', Math.round(waitMs * 1000) / 1000),
    execMs >= 0 && msAttribute('rampart.exec_ms', execMs),
    given('rampart.cache', record.cache),
    given('rampart.key_id', record.keyId),
    given('rampart.stream', record.stream),
    isLate && textAttribute('rampart.sampled', 'late'),
  ]);
}

function clientAttributes(record: AttemptRecord): string {
  const { method, origin, path, resends, status, error, cancelledBy, upstream, backend } = record;
  return joined([
    methodAttributes(method),
    serverOf(origin),
    textAttribute('url.full', origin + path),
    resends > 0 && numberAttribute('http.request.resend_count', resends),
    status > 0 && numberAttribute('http.response.status_code', status),
    given('error.type', error),
    given('rampart.cancelled', cancelledBy),
    textAttribute('rampart.upstream', upstream),
    textAttribute('rampart.backend', backend),
  ]);
}

const given = (key: string, value: string): string | false => value !== '' && textAttribute(key, value);

function joined(attributes: readonly (string | false)[]): string {
  let text = '';
  for (const attribute of attributes) if (attribute !== false) text += text === '' ? attribute : `,${attribute}`;
  return text;
}

const methodName = (method: string): string => (methods.has(method) ? method : 'HTTP');

function methodAttributes(method: string): string {
  if (methods.has(method)) return textAttribute('http.request.method', method);
  return `${textAttribute('http.request.method', '_OTHER')},${textAttribute('http.request.method_original', method)}`;
}

function serverOf(origin: string): string {
  const url = origin.startsWith('http') ? URL.parse(origin) : null;
  if (url === null) return textAttribute('server.address', origin);
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return `${textAttribute('server.address', url.hostname)},${numberAttribute('server.port', port)}`;
}

/** The ends of the phases in which the request waited. */
function waits({ endMs, queueMs, permitMs, coalescedMs, attempts: [first] }: RequestRecord): string {
  const events: string[] = [];
  if (queueMs > 0 || permitMs > 0) {
    const phases = [msAttribute('rampart.wait_queue_ms', queueMs), msAttribute('rampart.wait_permit_ms', permitMs)];
    const name = first === undefined ? 'left the queue' : 'got a permit';
    events.push(spanEvent(name, first?.startMs ?? endMs, phases.join(',')));
  }
  if (coalescedMs > 0) {
    const waited = msAttribute('rampart.wait_coalesced_ms', coalescedMs);
    events.push(spanEvent('shared the reply of another request', endMs, waited));
  }
  return events.join(',');
}
