/** A span as it goes to a collector. */
export interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, string | number>> }[];
  readonly events?: readonly { readonly name: string }[];
  readonly status: { readonly code?: number };
}

/** Reads a span strictly by OTLP's JSON form. */
export function readSpan(text: string): WireSpan {
  const span = JSON.parse(text) as WireSpan;
  if (!/^[0-9a-f]{32}$/.test(span.traceId) || !/^[0-9a-f]{16}$/.test(span.spanId)) throw new Error(`bad ids: ${text}`);
  if (!/^\d{19}$/.test(span.startTimeUnixNano) || !/^\d{19}$/.test(span.endTimeUnixNano))
    throw new Error(`bad times: ${text}`);
  const keys = span.attributes.map(({ key }) => key);
  if (new Set(keys).size !== keys.length) throw new Error(`an attribute stands twice: ${text}`);
  return span;
}

/** The value of an attribute. */
export function attributeOf(span: WireSpan, key: string): string | number | undefined {
  const found = span.attributes.find((one) => one.key === key);
  return found === undefined ? undefined : Object.values(found.value)[0];
}

export const isServer = (span: WireSpan): boolean => span.kind === 2;
