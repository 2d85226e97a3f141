import { PROBLEM_CONTENT_TYPE, problemBody } from '../../core/problem.ts';
import { type Refusal, reasons } from '../refusal.ts';

/** A reply without the header fields that every reply carries and those of its connection. */
export interface RenderedReply {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: string[];
  readonly body: string;
}

/** Turns a refusal into an RFC 9457 problem reply. */
export function problemReply(refusal: Refusal, requestId: string): RenderedReply {
  const { status, title } = reasons[refusal.reason];
  const { retryAfterSeconds, headers: more, errors, proxyError } = refusal.extras;
  const body = problemBody({ status, reason: refusal.reason, title, detail: refusal.detail, requestId, errors });
  const headers = ['content-type', PROBLEM_CONTENT_TYPE, 'content-length', String(Buffer.byteLength(body))];
  headers.push('cache-control', 'no-store');
  if (retryAfterSeconds !== undefined) headers.push('retry-after', String(retryAfterSeconds));
  if (proxyError !== undefined) headers.push('proxy-status', `Rampart; error=${proxyError}`);
  if (more !== undefined) headers.push(...more);
  return { status, headers, body };
}
