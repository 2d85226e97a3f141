import { boundedText } from '../core/bounded-text.ts';
import { messageOf } from '../core/errors.ts';
import { withoutCredentials } from '../core/url-credentials.ts';

export interface PostOptions {
  readonly url: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** Beside content-type, user-agent and the authorization of the URL. */
  readonly headers?: readonly (readonly [string, string])[];
  /** The most bytes of a reply with success that are read; 0: none. */
  readonly maxReplyBytes?: number;
  /** Ends it early. */
  readonly closing?: AbortSignal;
}

/** A reply, or why there is none. */
export type PostResult =
  | {
      readonly kind: 'replied';
      readonly status: number;
      readonly isOk: boolean;
      readonly retryAfterMs: number | undefined;
      /** Undefined if it was not to be read, or was too long. */
      readonly text: string | undefined;
    }
  | { readonly kind: 'failed'; readonly why: string };

const LIMIT_MS = 10_000;
const LONGEST_RETRY_AFTER_S = 3600;

/** Posts JSON to a receiver outside, without following redirects; never rejects. No text of the result has the URL, which may have a token in it. */
export async function post({ url, body, headers = [], maxReplyBytes = 0, closing }: PostOptions): Promise<PostResult> {
  try {
    const { url: address, authorization } = withoutCredentials(url);
    const fields = new Headers({ 'content-type': 'application/json', 'user-agent': 'rampart' });
    if (authorization !== undefined) fields.set('authorization', authorization);
    for (const [name, value] of headers) fields.set(name, value);
    const limit = AbortSignal.timeout(LIMIT_MS);
    const signal = closing === undefined ? limit : AbortSignal.any([limit, closing]);
    const reply = await fetch(address, { method: 'POST', headers: fields, body, redirect: 'manual', signal });
    const { status, ok: isOk } = reply;
    const text = isOk && maxReplyBytes > 0 ? await boundedText(reply.body, maxReplyBytes) : undefined;
    // Nobody reads the rest, and the connection can be used again.
    if (reply.body?.locked === false) await reply.body.cancel();
    return { kind: 'replied', status, isOk, retryAfterMs: retryAfterOf(reply.headers.get('retry-after')), text };
  } catch (error) {
    return { kind: 'failed', why: causeOf(error) };
  }
}

/** Seconds only, because a date would need the receiver's clock. */
function retryAfterOf(value: string | null): number | undefined {
  return value !== null && /^\d{1,9}$/.test(value) ? Math.min(Number(value), LONGEST_RETRY_AFTER_S) * 1000 : undefined;
}

/** fetch says "fetch failed"; its cause says why. */
function causeOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${LIMIT_MS / 1000} s`;
  return error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error);
}
