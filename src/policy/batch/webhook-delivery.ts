/** How an attempt to send a webhook ended. */
export type WebhookAttempt =
  | { readonly kind: 'reply'; readonly status: number }
  /** No reply, and why. */
  | { readonly kind: 'failed'; readonly why: string };

/** What follows from an attempt. */
export type WebhookVerdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'again'; readonly why: string }
  /** No repetition is wanted. */
  | { readonly kind: 'given-up'; readonly why: string };

/** After this many repetitions a webhook is given up: with the delays below about two and a half days. */
export const WEBHOOK_RETRIES = 20;
/** The first delay; each one is about twice the one before, with a random part. */
export const WEBHOOK_DELAY_SECONDS = 5;
export const WEBHOOK_DELAY_MAX_SECONDS = 6 * 3600;

const GONE = 410;

/** Decides by the reply: 2xx is delivered, 410 asks for no more, and anything else, a redirect too, is tried again. */
export function webhookVerdict(attempt: WebhookAttempt, retries: number): WebhookVerdict {
  if (attempt.kind === 'reply' && attempt.status >= 200 && attempt.status < 300) return { kind: 'delivered' };
  const why = attempt.kind === 'reply' ? `the receiver answered ${attempt.status}` : attempt.why;
  const isLast = retries >= WEBHOOK_RETRIES || (attempt.kind === 'reply' && attempt.status === GONE);
  return { kind: isLast ? 'given-up' : 'again', why };
}
