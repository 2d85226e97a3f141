import { randomHex } from '../../core/ids.ts';

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** W3C Trace Context §3.2.2; a higher version may have more text after the flags (§3.2.4). */
const tracePattern = /^([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * The client's request id if it is well-formed, because it is written unchanged into logs and headers; otherwise a new
 * one.
 */
export function requestIdOf(said: string | undefined): string {
  return said !== undefined && idPattern.test(said) ? said : randomHex(16);
}

/**
 * The trace context to forward: the client's, in the version that this gateway knows. Empty if the client sent no valid
 * one; then tracestate is dropped, too. Without a collector the gateway creates none of its own, because it makes no
 * sampling decision, and a `-00` would keep every backend from tracing.
 */
export function traceparentOf(said: string | undefined): string {
  const found = said === undefined ? null : tracePattern.exec(said);
  if (found === null) return '';
  const [, version, trace, parent, flags, more] = found;
  if (version === 'ff' || (version === '00' && more !== undefined)) return '';
  return `00-${trace}-${parent}-${version === '00' ? flags : knownFlags(flags ?? '')}`;
}

/** The parts of a trace context as `traceparentOf` gives it; undefined for an empty one. */
export function traceParentOf(traceparent: string): { traceId: string; spanId: string; flags: number } | undefined {
  if (traceparent === '') return undefined;
  const flags = 16 * digitOf(traceparent.charCodeAt(53)) + digitOf(traceparent.charCodeAt(54));
  return { traceId: traceparent.slice(3, 35), spanId: traceparent.slice(36, 52), flags };
}

/** The value of a hexadecimal digit in lower case. Every traced request comes by here, and `parseInt` takes three times as long. */
const digitOf = (code: number): number => code - (code <= 57 ? 48 : 87);

/** Of a higher version only the flag that version 00 has: sampled. */
const knownFlags = (flags: string): string => ((Number.parseInt(flags, 16) & 1) === 1 ? '01' : '00');
