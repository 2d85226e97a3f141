import type { AttemptRecord, LateAttemptRecord, RequestRecord } from './trace-record.ts';

/** A record as it is sent: its values alone, because the names would be most of the message. */
export type WireTrace = readonly unknown[];

/** Ended requests and attempts of a worker. */
export interface TraceMessage {
  readonly type: 'traces';
  readonly requests: readonly WireTrace[];
  readonly attempts: readonly WireTrace[];
}

const attemptFields = {
  spanId: 'string',
  startMs: 'number',
  endMs: 'number',
  method: 'string',
  upstream: 'string',
  backend: 'string',
  origin: 'string',
  path: 'string',
  resends: 'number',
  status: 'number',
  error: 'string',
  cancelledBy: 'string',
} as const satisfies Record<keyof AttemptRecord, string>;

const requestFields = {
  traceId: 'string',
  spanId: 'string',
  parentId: 'string',
  flags: 'number',
  traceState: 'string',
  startMs: 'number',
  endMs: 'number',
  method: 'string',
  scheme: 'string',
  protocolVersion: 'string',
  path: 'string',
  route: 'string',
  endpoint: 'string',
  status: 'number',
  error: 'string',
  reason: 'string',
  clientAddress: 'string',
  userAgent: 'string',
  requestId: 'string',
  queueMs: 'number',
  permitMs: 'number',
  coalescedMs: 'number',
  execMs: 'number',
  cache: 'string',
  keyId: 'string',
  stream: 'string',
  isLate: 'boolean',
} as const satisfies Record<Exclude<keyof RequestRecord, 'attempts'>, string>;

const attemptNames = Object.entries(attemptFields);
const requestNames = Object.entries(requestFields);

/** The record of a request, and one of each attempt behind it. */
export function toWireRequest(record: RequestRecord): WireTrace {
  const wire = requestValues(record);
  for (const attempt of record.attempts) wire.push(attemptValues(attempt));
  return wire;
}

export const toWireAttempt = ({ traceId, parentId, flags, traceState, attempt }: LateAttemptRecord): WireTrace => [
  traceId,
  parentId,
  flags,
  traceState,
  attemptValues(attempt),
];

/** The record of a request; undefined if a field is missing or wrong. Checked by hand, because a schema would cost more than the rest of the work. */
export function fromWireRequest(wire: WireTrace): RequestRecord | undefined {
  const record = named(wire.slice(0, requestNames.length), requestNames);
  const attempts = wire.slice(requestNames.length).map(attemptOf);
  if (record === undefined || attempts.includes(undefined)) return undefined;
  // `named` has checked the type of every field, and no attempt is undefined.
  return { ...(record as unknown as RequestRecord), attempts: attempts as AttemptRecord[] };
}

export function fromWireAttempt(wire: WireTrace): LateAttemptRecord | undefined {
  const [traceId, parentId, flags, traceState, values] = wire;
  const attempt = attemptOf(values);
  if (typeof traceId !== 'string' || typeof parentId !== 'string' || attempt === undefined) return undefined;
  if (typeof flags !== 'number' || typeof traceState !== 'string') return undefined;
  return { traceId, parentId, flags, traceState, attempt };
}

function attemptOf(value: unknown): AttemptRecord | undefined {
  // `named` has checked the type of every field.
  return Array.isArray(value) ? (named(value, attemptNames) as AttemptRecord | undefined) : undefined;
}

/** In the order of `requestFields`. Written out, because a look-up by name costs more than the rest of the work. */
const requestValues = (r: RequestRecord): unknown[] => [
  r.traceId,
  r.spanId,
  r.parentId,
  r.flags,
  r.traceState,
  r.startMs,
  r.endMs,
  r.method,
  r.scheme,
  r.protocolVersion,
  r.path,
  r.route,
  r.endpoint,
  r.status,
  r.error,
  r.reason,
  r.clientAddress,
  r.userAgent,
  r.requestId,
  r.queueMs,
  r.permitMs,
  r.coalescedMs,
  r.execMs,
  r.cache,
  r.keyId,
  r.stream,
  r.isLate,
];

/** In the order of `attemptFields`. */
const attemptValues = (a: AttemptRecord): unknown[] => [
  a.spanId,
  a.startMs,
  a.endMs,
  a.method,
  a.upstream,
  a.backend,
  a.origin,
  a.path,
  a.resends,
  a.status,
  a.error,
  a.cancelledBy,
];

function named(values: readonly unknown[], names: readonly (readonly [string, string])[]): object | undefined {
  if (values.length !== names.length) return undefined;
  const record: Record<string, unknown> = {};
  for (const [index, [name, type]] of names.entries()) {
    if (typeof values[index] !== type) return undefined;
    record[name] = values[index];
  }
  return record;
}
