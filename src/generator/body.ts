import type { IncomingMessage } from 'node:http';
import { readBody } from '../core/bounded-body.ts';

export type JsonBody =
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly reason: 'too-large' | 'malformed' | 'left' };

/** Reads a request's body as JSON, as far as `limitBytes`; the result is `left` if the client leaves meanwhile. */
export async function readJson(request: IncomingMessage, limitBytes: number): Promise<JsonBody> {
  const body = await readBody(request, limitBytes);
  return typeof body === 'string' ? { ok: false, reason: body } : parse(body);
}

/** Strictly UTF-8 (RFC 8259 §8.1): a replacement character in a barcode would be a lie. */
function parse(bytes: Buffer): JsonBody {
  try {
    return { ok: true, json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch {
    return { ok: false, reason: 'malformed' };
  }
}
