import type { IncomingMessage } from 'node:http';
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
export async function readChange(req: IncomingMessage): Promise<string | AdminProblem> {
  const foreign = foreignOrigin(req);
  if (foreign !== undefined) return foreign;
  const type = req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    return { status: 415, reason: 'unsupported-media-type', detail: 'the body must be application/json' };
  }
  const text = await readText(req);
  if (text !== undefined) return text;
  return { status: 413, reason: 'body-too-large', detail: `the body must have at most ${MAX_BODY_BYTES} bytes` };
}

/**
 * A browser sends Origin with every POST, so a page of elsewhere shows itself; and the JSON type makes it ask first,
 * which nothing here answers. Programs send no Origin, a page of this very listener its own: a name that was made to
 * point here has been refused before, for lack of the token.
 */
function foreignOrigin(req: IncomingMessage): AdminProblem | undefined {
  const { origin } = req.headers;
  if (origin === undefined) return undefined;
  const { host, hostname } = URL.canParse(origin) ? new URL(origin) : { host: '', hostname: '' };
  if (isLoopbackHost(hostname) || (host !== '' && host === req.headers.host)) return undefined;
  return { status: 403, reason: 'forbidden', detail: 'a page of another origin may change nothing here' };
}

/** Undefined where it is too long; the rest is then left unread. */
function readText(req: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else {
        req.pause();
        resolve(undefined);
      }
    });
    req.on('end', () => resolve(Buffer.concat(chunks).toString()));
    req.on('error', reject);
  });
}
