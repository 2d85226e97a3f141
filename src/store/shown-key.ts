import type { KeyRecord } from './keys.ts';

const timeOf = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());

/** A key without its secret, as `rampart keys --json` and the admin API show it. */
export function shownKey(key: KeyRecord): Record<string, unknown> {
  const { id, name, prefix, createdAtMs, revokedAtMs, expiresAtMs, previousUntilMs, limit, priority, scopes } = key;
  return {
    id,
    name,
    prefix,
    created_at: timeOf(createdAtMs),
    revoked_at: timeOf(revokedAtMs),
    expires_at: timeOf(expiresAtMs),
    previous_until: timeOf(previousUntilMs),
    scopes: scopes ?? null,
    limit: limit === undefined ? null : { requests_per_second: limit.requestsPerSecond, burst: limit.burst },
    priority: priority ?? null,
    webhook_secret: key.hasWebhookSecret,
  };
}
