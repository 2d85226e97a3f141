import { messageOf } from '../../core/errors.ts';
import { withoutCredentials } from '../../core/url-credentials.ts';

/** What became of a message. */
export type SinkResult =
  | { readonly outcome: 'delivered' }
  /** Trying again may help, not before this many milliseconds. */
  | { readonly outcome: 'failed'; readonly why: string; readonly retryAfterMs: number | undefined }
  /** The receiver will never take it. */
  | { readonly outcome: 'rejected'; readonly why: string };

const LIMIT_MS = 10_000;
const LONGEST_RETRY_AFTER_S = 3600;

/** Posts JSON, without following redirects; never rejects. 5xx, 429 and broken connections may be tried again; any other status but 2xx is final. */
export async function postJson(url: string, body: unknown): Promise<SinkResult> {
  try {
    const { url: address, authorization } = withoutCredentials(url);
    const reply = await fetch(address, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'rampart',
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    // Nobody reads it, and the connection can be used again.
    await reply.body?.cancel();
    if (reply.ok) return { outcome: 'delivered' };
    const why = `the receiver answered ${reply.status}`;
    if (reply.status < 500 && reply.status !== 429) return { outcome: 'rejected', why };
    return { outcome: 'failed', why, retryAfterMs: retryAfterOf(reply.headers.get('retry-after')) };
  } catch (error) {
    return { outcome: 'failed', why: causeOf(error), retryAfterMs: undefined };
  }
}

/** Seconds only, because a date would need the receiver's clock. */
export function retryAfterOf(value: string | null): number | undefined {
  return value !== null && /^\d{1,9}$/.test(value) ? Math.min(Number(value), LONGEST_RETRY_AFTER_S) * 1000 : undefined;
}

/** fetch says "fetch failed"; its cause says why. The text has no URL, which may have a token in it. */
export function causeOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${LIMIT_MS / 1000} s`;
  return error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error);
}
