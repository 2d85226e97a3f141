import type { LoadReport } from '../../policy/balance/backend-load.ts';
import { readLoadReport } from './load-report.ts';
import type { ReplyHeaders } from './reply-sink.ts';

/**
 * Whether a reply shows that the backend is overloaded: 429, or 503 with Retry-After or with a generator's overload
 * header.
 */
export function saysOverloaded(status: number, headers: ReplyHeaders): boolean {
  const asksForLess = headers['retry-after'] !== undefined || headers['x-rampart-overloaded'] !== undefined;
  return status === 429 || (status === 503 && asksForLess);
}

/** The `Retry-After` of a reply in milliseconds; undefined if it is not a number of seconds. */
export function retryAfterMs(headers: ReplyHeaders): number | undefined {
  const seconds = Number(headers['retry-after']);
  return seconds > 0 ? seconds * 1000 : undefined;
}

/** The load that a backend reports with a reply. */
export function loadOf(headers: ReplyHeaders): LoadReport | undefined {
  const report = headers['endpoint-load-metrics'];
  return typeof report === 'string' ? readLoadReport(report) : undefined;
}

/** undici decodes `chunked` only, and the client would not learn of any other transfer coding. */
export function isReadable(headers: ReplyHeaders): boolean {
  const coding = headers['transfer-encoding'];
  return coding === undefined || (typeof coding === 'string' && coding.trim().toLowerCase() === 'chunked');
}

/** Whether a reply has no end of its own, so that it would hold a permit for as long as its client listens. */
export function isEventStream(headers: ReplyHeaders): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && type.slice(0, 17).toLowerCase() === 'text/event-stream';
}
