import { createHmac, randomBytes } from 'node:crypto';

// Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks): receivers have libraries for it in most languages.

const PREFIX = 'whsec_';
const SECRET_BYTES = 24;

/** A new secret for webhooks: `whsec_` and 192 random bits in base64. */
export const newWebhookSecret = (): string => `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`;

export interface SignedMessage {
  /** The same for each repetition of a message. */
  readonly id: string;
  /** When this attempt is made. */
  readonly timestampSeconds: number;
  readonly body: string;
}

/** The header fields that let a receiver check who sent a message and when; one signature for each secret. */
export function webhookHeaders(
  { id, timestampSeconds, body }: SignedMessage,
  secrets: readonly string[],
): Record<string, string> {
  const content = `${id}.${timestampSeconds}.${body}`;
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': secrets.map((secret) => `v1,${signatureOf(secret, content)}`).join(' '),
  };
}

const signatureOf = (secret: string, content: string): string =>
  createHmac('sha256', Buffer.from(secret.slice(PREFIX.length), 'base64'))
    .update(content)
    .digest('base64');
