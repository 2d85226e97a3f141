import type { IncomingMessage } from 'node:http';

export type Body =
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly reason: 'too-large' | 'malformed' | 'left' };

/** Reads a request's body as JSON, as far as `limitBytes`; a client that goes away meanwhile has `left`. */
export function readJson(request: IncomingMessage, limitBytes: number): Promise<Body> {
  const { promise, resolve } = Promise.withResolvers<Body>();
  const tooLarge: Body = { ok: false, reason: 'too-large' };
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return Promise.resolve(tooLarge);
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limitBytes) resolve(tooLarge);
    else chunks.push(chunk);
  });
  request.on('end', () => resolve(size > limitBytes ? tooLarge : parse(Buffer.concat(chunks))));
  request.on('close', () => resolve({ ok: false, reason: 'left' }));
  request.on('error', () => resolve({ ok: false, reason: 'left' }));
  return promise;
}

/** Strictly UTF-8 (RFC 8259 §8.1): a replacement character in a barcode would be a lie. */
function parse(bytes: Buffer): Body {
  try {
    return { ok: true, json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch {
    return { ok: false, reason: 'malformed' };
  }
}
