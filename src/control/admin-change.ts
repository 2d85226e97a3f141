import type { IncomingMessage } from 'node:http';
import { readBody } from '../core/bounded-body.ts';
import { isLoopbackHost } from '../core/loopback.ts';

const MAX_BODY_BYTES = 16 * 1024;

/** A reply of the admin API that says why not. */
export interface AdminProblem {
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
  readonly errors?: readonly unknown[];
}

/** The body of a request that changes something, or why it may not. */
export async function readChange(req: IncomingMessage, maxBytes = MAX_BODY_BYTES): Promise<string | AdminProblem> {
  const foreign = foreignOrigin(req);
  if (foreign !== undefined) return foreign;
  const type = req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    return { status: 415, reason: 'unsupported-media-type', detail: 'the body must be application/json' };
  }
  const body = await readBody(req, maxBytes);
  if (body === 'left') throw new Error('the client left before the body was complete');
  if (body !== 'too-large') return body.toString();
  return { status: 413, reason: 'body-too-large', detail: `the body must have at most ${maxBytes} bytes` };
}

/**
 * A browser sends Origin with every POST, which reveals a page of another origin; the JSON type also makes the browser
 * send a preflight request, which nothing here answers. Programs send no Origin, and a page of this listener sends its
 * own. A request to a foreign name that resolves to this address was refused before, because it has no token.
 */
function foreignOrigin(req: IncomingMessage): AdminProblem | undefined {
  const { origin } = req.headers;
  if (origin === undefined) return undefined;
  const { host, hostname } = URL.canParse(origin) ? new URL(origin) : { host: '', hostname: '' };
  if (isLoopbackHost(hostname) || (host !== '' && host === req.headers.host)) return undefined;
  return { status: 403, reason: 'forbidden', detail: 'a page of another origin may change nothing here' };
}
