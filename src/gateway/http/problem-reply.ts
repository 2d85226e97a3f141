import { type Refusal, reasons } from '../refusal.ts';

/** A reply as the server writes it. */
export interface RenderedReply {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: string[];
  readonly body: string;
}

/** Turns a refusal into an RFC 9457 problem reply; the only place that does. */
export function problemReply(refusal: Refusal, requestId: string): RenderedReply {
  const { status, title } = reasons[refusal.reason];
  const { retryAfterSeconds, headers: more, errors, close, proxyError } = refusal.extras;
  const body = JSON.stringify({
    type: `urn:rampart:problem:${refusal.reason}`,
    title,
    status,
    detail: refusal.detail,
    reason: refusal.reason,
    request_id: requestId,
    ...(errors === undefined ? {} : { errors }),
  });
  const headers = ['content-type', 'application/problem+json', 'content-length', String(Buffer.byteLength(body))];
  headers.push('cache-control', 'no-store');
  if (retryAfterSeconds !== undefined) headers.push('retry-after', String(retryAfterSeconds));
  if (proxyError !== undefined) headers.push('proxy-status', `Rampart; error=${proxyError}`);
  if (close === true) headers.push('connection', 'close');
  if (more !== undefined) headers.push(...more);
  return { status, headers, body };
}

/** The same as bytes, for a connection that has no parsed request: `clientError`, refused upgrades. */
export function rawProblem(refusal: Refusal, requestId: string): string {
  const { status, headers, body } = problemReply(refusal, requestId);
  const lines = [`HTTP/1.1 ${status} ${reasons[refusal.reason].title}`];
  for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  if (refusal.extras.close !== true) lines.push('connection: close');
  lines.push(`x-request-id: ${requestId}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
