/** What a batch worker does after the reply to an item, or after its lack. */
export type ItemVerdict =
  /** The image is the result. */
  | { readonly kind: 'made' }
  /** No repetition would help: the item has no image. */
  | { readonly kind: 'failed' }
  /**
   * The gateway is not there, or has no room for it now: nothing says that the item is at fault. `isOwnLimit`: its key has used up
   * its rate, which is nothing to the items of other keys.
   */
  | { readonly kind: 'later'; readonly afterMs: number; readonly isOwnLimit: boolean }
  /** Something broke while it was under way, and the item may be the reason. */
  | { readonly kind: 'suspect' };

/** How a request for an item ended: with a reply, without ever having been sent, or broken on its way. */
export type ItemReply =
  | { readonly kind: 'reply'; readonly status: number; readonly retryAfterSeconds?: number | undefined }
  | { readonly kind: 'not-sent' }
  | { readonly kind: 'broken' };

/** No Retry-After is believed beyond this: the gateway's own are a second. */
const LONGEST_WAIT_MS = 10_000;
const NOT_SENT_WAIT_MS = 250;
const DEFAULT_WAIT_MS = 1000;

/** Replies that come of load or of a pause, and not of the item. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 503]);

/** Decides what a reply means for its item. */
export function itemVerdict(reply: ItemReply): ItemVerdict {
  if (reply.kind === 'not-sent') return { kind: 'later', afterMs: NOT_SENT_WAIT_MS, isOwnLimit: false };
  if (reply.kind === 'broken') return { kind: 'suspect' };
  const { status, retryAfterSeconds } = reply;
  if (status === 200) return { kind: 'made' };
  if (passing.has(status)) {
    const afterMs = retryAfterSeconds === undefined ? DEFAULT_WAIT_MS : retryAfterSeconds * 1000;
    return { kind: 'later', afterMs: Math.min(afterMs, LONGEST_WAIT_MS), isOwnLimit: status === 429 };
  }
  return status >= 500 ? { kind: 'suspect' } : { kind: 'failed' };
}
