import { z } from 'zod';
import { timeSpanMs } from '../core/time-span.ts';
import { shownKey } from '../store/shown-key.ts';
import { fleetFields } from './admin-fleet.ts';
import { badBody, readJsonChange } from './admin-config.ts';
import { storeEndpoint } from './admin-store.ts';

const MOST_MS = 100 * 365 * 86_400_000;

const newKey = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(200)
    .regex(/^\P{Cc}*$/u),
  rate: z.number().min(0.001).max(1_000_000).optional(),
  burst: z.int().min(1).max(1_000_000).optional(),
  priority: z.enum(['interactive', 'bulk']).optional(),
  /** A time from now on, such as 90d. */
  expires: z
    .string()
    .refine((text) => (timeSpanMs(text) ?? 0) > 0 && (timeSpanMs(text) ?? 0) <= MOST_MS)
    .optional(),
  scopes: z
    .array(z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/))
    .min(1)
    .max(100)
    .optional(),
});

const help =
  'the body must be JSON such as {"name":"shop"}; also rate and burst (requests a second), priority (interactive or bulk), expires (90d, 24h), scopes (endpoints)';

/** An endpoint about keys. */
const withKeys = storeEndpoint({
  part: ({ keys }) => keys,
  missing: 'this host has no database, as no route of it asks for a key',
  what: 'the keys',
});

/** GET /api/keys: newest first, without their secrets. */
export const listKeys = withKeys(async (keys) => ({ keys: (await keys.list()).map(shownKey) }));

/** POST /api/keys: a key, whose text is shown only in this reply. */
export const createKeyByAdmin = withKeys(async (keys, { control, clock, req }) => {
  const body = await readJsonChange(req);
  if ('problem' in body) return body.problem;
  const parsed = newKey.safeParse(body.value);
  if (!parsed.success) return badBody(help);
  const { name, rate, burst, priority, expires, scopes } = parsed.data;
  if (burst !== undefined && rate === undefined) return badBody('burst needs rate beside it');
  const { record, text } = await keys.create(name, {
    limit: rate === undefined ? undefined : { requestsPerSecond: rate, burst: burst ?? Math.ceil(rate) },
    expiresAtMs: expires === undefined ? undefined : clock.wallNow() + (timeSpanMs(expires) ?? 0),
    priority,
    scopes,
  });
  // Nobody waits, because no host refuses the key for longer than two seconds.
  void control.caches.keysChanged().catch((error: unknown) => control.bugs.report('keys', error));
  return { ...shownKey(record), key: text };
});

/** DELETE /api/keys/{id}: the key is refused from now on. */
export const revokeKey = withKeys(async (keys, { control, parts, res }) => {
  const result = await keys.revoke(parts[0] ?? '');
  if (result.kind === 'ambiguous')
    return { status: 409, reason: 'ambiguous', detail: `${result.matches.length} keys begin so: give the id of one` };
  if (result.kind !== 'changed')
    return { status: 404, reason: 'not-found', detail: 'there is no such key; GET /api/keys lists them' };
  return { ...shownKey(result.record), ...fleetFields(await control.caches.keysChanged(), res) };
});
