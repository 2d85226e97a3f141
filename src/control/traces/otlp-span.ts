import { jsonText } from '../../core/json-text.ts';

/** Longest value of an attribute in characters. */
const MAX_VALUE = 1100;

/** Kinds of spans, as the protobuf of OTLP numbers them. */
export const SERVER = 2;
export const CLIENT = 3;

export interface SpanHead {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentId: string;
  /** Of `traceparent`. */
  readonly flags: number;
  /** `tracestate`; empty if there is none. */
  readonly traceState: string;
  readonly name: string;
  readonly kind: typeof SERVER | typeof CLIENT;
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface SpanBody {
  /** Attributes and events with commas between them. */
  readonly attributes: string;
  readonly events: string;
  readonly isError: boolean;
}

/**
 * A span in OTLP's JSON form (opentelemetry-proto, docs/specification.md): ids in hexadecimal, enums as integers, 64-bit
 * numbers as decimal strings.
 */
export function otlpSpan(head: SpanHead, body: SpanBody): string {
  const { traceId, spanId, parentId, traceState, name, kind, startMs, endMs } = head;
  let text = `{"traceId":"${traceId}","spanId":"${spanId}"`;
  if (traceState !== '') text += `,"traceState":${jsonText(traceState, MAX_VALUE)}`;
  if (parentId !== '') text += `,"parentSpanId":"${parentId}"`;
  text += `,"flags":${flagsOf(head)}`;
  text += `,"name":${jsonText(name, MAX_VALUE)},"kind":${kind}`;
  text += `,"startTimeUnixNano":"${nanos(startMs)}","endTimeUnixNano":"${nanos(Math.max(startMs, endMs))}"`;
  text += `,"attributes":[${body.attributes}]`;
  if (body.events !== '') text += `,"events":[${body.events}]`;
  return `${text},"status":{${body.isError ? '"code":2' : ''}}}`;
}

/** SpanFlags of OTLP: the eight bits of `traceparent`, whether it is known where the parent is, and whether it is elsewhere. */
const KNOWS_PARENT = 0x100;
const HAS_REMOTE_PARENT = 0x200;

/** The parent of a request's span is its client's; that of an attempt is in this process. */
function flagsOf({ flags, kind, parentId }: SpanHead): number {
  return flags | KNOWS_PARENT | (kind === SERVER && parentId !== '' ? HAS_REMOTE_PARENT : 0);
}

/** An attribute with a text. */
export const textAttribute = (key: string, value: string): string =>
  `{"key":"${key}","value":{"stringValue":${jsonText(value, MAX_VALUE)}}}`;

/** An attribute with a whole number. */
export const numberAttribute = (key: string, value: number): string =>
  `{"key":"${key}","value":{"intValue":"${value}"}}`;

/** An attribute with a fraction. */
export const msAttribute = (key: string, ms: number): string => `{"key":"${key}","value":{"doubleValue":${ms}}}`;

export const spanEvent = (name: string, atMs: number, attributes: string): string =>
  `{"timeUnixNano":"${nanos(atMs)}","name":"${name}","attributes":[${attributes}]}`;

/** A whole number of microseconds is exact in a double until the year 2255. */
const nanos = (ms: number): string => `${Math.round(ms * 1000)}000`;
