import type { IncomingMessage } from 'node:http';
import { readBody } from '../core/bounded-body.ts';

const MAX_BODY_BYTES = 16 * 1024;

/** A reply of the admin API that says why not. */
export interface AdminProblem {
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
  readonly errors?: readonly unknown[];
  readonly retryAfterSeconds?: number;
}

/** The body of a request that changes something, or why it may not. A page of another origin was refused before. */
export async function readChange(req: IncomingMessage, maxBytes = MAX_BODY_BYTES): Promise<string | AdminProblem> {
  const type = req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    return { status: 415, reason: 'unsupported-media-type', detail: 'the body must be application/json' };
  }
  const body = await readBody(req, maxBytes);
  if (body === 'left') throw new Error('the client left before the body was complete');
  if (body !== 'too-large') return body.toString();
  return { status: 413, reason: 'body-too-large', detail: `the body must have at most ${maxBytes} bytes` };
}

export const isProblem = (value: object): value is AdminProblem => 'reason' in value && 'status' in value;
