import { requestId } from '../core/ids.ts';

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const tracePattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The client's request id where it is well-formed, else a new one: it goes into logs and headers as it is. */
export function requestIdOf(said: string | undefined): string {
  return said !== undefined && idPattern.test(said) ? said : requestId();
}

/** The client's trace context where it is well-formed (W3C Trace Context §3.2), else a new, unsampled one. */
export function traceparentOf(said: string | undefined): string {
  if (said !== undefined && tracePattern.test(said)) return said;
  return `00-${requestId()}-${requestId().slice(0, 16)}-00`;
}
