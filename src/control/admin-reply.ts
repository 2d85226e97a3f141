import type { ServerResponse } from 'node:http';
import { PROBLEM_CONTENT_TYPE, problemBody } from '../core/problem.ts';
import type { AdminProblem } from './admin-change.ts';

export function replyText(res: ServerResponse, status: number, contentType: string, body: string): void {
  res.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  res.end(body);
}

export const replyValue = (res: ServerResponse, value: unknown, status = 200): void =>
  replyText(res, status, 'application/json', JSON.stringify(value));

export function replyProblem(
  res: ServerResponse,
  { status, reason, detail, errors, retryAfterSeconds }: AdminProblem,
): void {
  if (status === 401) res.setHeader('www-authenticate', 'Bearer realm="rampart-admin"');
  if (retryAfterSeconds !== undefined) res.setHeader('retry-after', retryAfterSeconds);
  replyText(res, status, PROBLEM_CONTENT_TYPE, problemBody({ status, reason, title: reason, detail, errors }));
}
