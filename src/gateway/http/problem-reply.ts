import type { StaticBody } from '../../config/model.ts';
import { PROBLEM_CONTENT_TYPE, problemBody } from '../../core/problem.ts';
import { type Refusal, reasons } from '../refusal.ts';

/** A reply without the header fields that every reply carries and those of its connection. */
export interface RenderedReply {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: string[];
  readonly body: string;
}

/** Turns a refusal into an RFC 9457 problem reply, or into a page in its place. */
export function problemReply(refusal: Refusal, requestId: string, page?: StaticBody): RenderedReply {
  const { status, title } = reasons[refusal.reason];
  const { retryAfterSeconds, headers: more, errors, proxyError } = refusal.extras;
  const body =
    page === undefined
      ? problemBody({ status, reason: refusal.reason, title, detail: refusal.detail, requestId, errors })
      : // A request id has no characters that mean something in HTML.
        page.body.replaceAll('{request_id}', requestId).replaceAll('{status}', String(status));
  const contentType = page?.contentType ?? PROBLEM_CONTENT_TYPE;
  const headers = ['content-type', contentType, 'content-length', String(Buffer.byteLength(body))];
  headers.push('cache-control', 'no-store');
  if (retryAfterSeconds !== undefined) headers.push('retry-after', String(retryAfterSeconds));
  if (proxyError !== undefined) headers.push('proxy-status', `Rampart; error=${proxyError}`);
  if (more !== undefined) headers.push(...more);
  return { status, headers, body };
}
