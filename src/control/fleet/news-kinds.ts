import { z } from 'zod';
import type { PurgeTarget } from '../../protocol/cache-order.ts';
import type { NewsKinds } from './news-reader.ts';

/** The kind of the news that the versions in PostgreSQL have changed. */
export const CONFIG_KIND = 'config';

/** The actions by which a host carries out news. */
export interface NewsActions {
  /** Workers remove stored replies. */
  purge(target: PurgeTarget): void;
  /** Workers forget what they know of API keys. */
  forgetKeys(): void;
  /** The versions of the configuration in PostgreSQL have changed. */
  lookAtConfig(): void;
}

/** A field that this version does not know would narrow the selection, so such a purge removes everything. */
const purgeSchema = z.strictObject({
  endpoint: z.string().optional(),
  host: z.string().optional(),
  target: z.string().optional(),
  group: z.string().optional(),
  soft: z.boolean().optional(),
});

/**
 * The kinds of news. Each takes a body that any release may have written, and must not throw. Each kind is one line here, and
 * `NewsDesk.tell` sends it.
 */
export const newsKinds = (actions: NewsActions): NewsKinds =>
  new Map([
    // The cast drops `undefined` from the fields of the schema's type, because JSON has no such value.
    ['purge', (body: unknown) => actions.purge((purgeSchema.safeParse(body).data ?? {}) as PurgeTarget)],
    ['keys', () => actions.forgetKeys()],
    [CONFIG_KIND, () => actions.lookAtConfig()],
  ]);
