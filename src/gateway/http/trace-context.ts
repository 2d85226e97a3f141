import { randomHex } from '../../core/ids.ts';

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** W3C Trace Context §3.2.2; a higher version may go on behind the flags (§3.2.4). */
const tracePattern = /^([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The client's request id where it is well-formed, as it goes into logs and headers as it is; else a new one. */
export function requestIdOf(said: string | undefined): string {
  return said !== undefined && idPattern.test(said) ? said : randomHex(16);
}

/**
 * The trace context to pass on: the client's, in the version that this gateway knows; empty where there is none that
 * can be read, and then no tracestate either. The gateway makes none of its own: it takes no sampling decision, and a
 * `-00` of its own would keep every backend from tracing.
 */
export function traceparentOf(said: string | undefined): string {
  const found = said === undefined ? null : tracePattern.exec(said);
  if (found === null) return '';
  const [, version, trace, parent, flags, more] = found;
  if (version === 'ff' || (version === '00' && more !== undefined)) return '';
  return `00-${trace}-${parent}-${version === '00' ? flags : knownFlags(flags ?? '')}`;
}

/** Of a higher version only the flag that version 00 has: sampled. */
const knownFlags = (flags: string): string => ((Number.parseInt(flags, 16) & 1) === 1 ? '01' : '00');
