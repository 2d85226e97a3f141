import { randomHex } from '../core/ids.ts';

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const tracePattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The client's request id and trace context where they are well-formed (W3C Trace Context §3.2): they go into logs and
 * headers as they are. Else new ones, of which an unsampled trace takes its id from the request.
 */
export function identify(
  saidId: string | undefined,
  saidTrace: string | undefined,
): { id: string; traceparent: string } {
  const own = randomHex(24);
  const id = saidId !== undefined && idPattern.test(saidId) ? saidId : own.slice(0, 32);
  const traceparent =
    saidTrace !== undefined && tracePattern.test(saidTrace) ? saidTrace : `00-${own.slice(0, 32)}-${own.slice(32)}-00`;
  return { id, traceparent };
}
