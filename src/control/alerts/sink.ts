import { post } from '../post.ts';

/** What became of a message. */
export type SinkResult =
  | { readonly outcome: 'delivered' }
  /** Trying again may help, not before this many milliseconds. */
  | { readonly outcome: 'failed'; readonly why: string; readonly retryAfterMs: number | undefined }
  /** The receiver will never take it. */
  | { readonly outcome: 'rejected'; readonly why: string };

/** Posts JSON; never rejects. 5xx, 429 and broken connections may be tried again; any other status but 2xx is final. */
export async function postJson(url: string, body: unknown): Promise<SinkResult> {
  const result = await post({ url, body: JSON.stringify(body) });
  if (result.kind === 'failed') return { outcome: 'failed', why: result.why, retryAfterMs: undefined };
  const { status, isOk, retryAfterMs } = result;
  if (isOk) return { outcome: 'delivered' };
  const why = `the receiver answered ${status}`;
  if (status < 500 && status !== 429) return { outcome: 'rejected', why };
  return { outcome: 'failed', why, retryAfterMs };
}
