import { z } from 'zod';
import type { CacheOrder, OrderNews, PurgeTarget } from '../../protocol/cache-order.ts';
import type { NewsKinds } from './news-reader.ts';

/** The kind of the news that the versions in PostgreSQL have changed. */
export const CONFIG_KIND = 'config';

/** The actions by which a host carries out news. */
export interface NewsActions {
  /** Workers remove stored replies. */
  purge(target: PurgeTarget, news: OrderNews): void;
  /** Workers remove the stored replies that an unsafe request to some host has outdated. */
  invalidate(order: CacheOrder): void;
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

/** Unsafe requests of about half a second. */
const invalidationsSchema = z.strictObject({
  orders: z.array(
    z.strictObject({
      id: z.string(),
      host: z.string(),
      targets: z.array(z.string()).max(100),
      selection: z.string(),
      groups: z.array(z.string()).optional(),
    }),
  ),
});

/** As the news has it; orders without an id are not told to other hosts. */
export const invalidationNews = (orders: readonly CacheOrder[]): z.input<typeof invalidationsSchema> => ({
  orders: orders.flatMap((order) => {
    const id = order.news?.id;
    if (id === undefined || !('invalidate' in order)) return [];
    const { host, targets, selection, groups } = order.invalidate;
    return [{ id, host, targets: [...targets], selection, ...(groups && { groups: [...groups] }) }];
  }),
});

function invalidateAll(body: unknown, news: OrderNews, actions: NewsActions): void {
  const parsed = invalidationsSchema.safeParse(body).data;
  if (parsed === undefined) actions.purge({}, news);
  else
    for (const { id, ...invalidate } of parsed.orders)
      actions.invalidate({ invalidate, news: { id, position: news.position } });
}

/**
 * The kinds of news. Each takes a body that any release may have written, and must not throw. Each kind is one line here, and
 * `NewsDesk.tell` sends it.
 */
export const newsKinds = (actions: NewsActions): NewsKinds =>
  new Map<string, (body: unknown, news: OrderNews) => void>([
    // The cast drops `undefined` from the fields of the schema's type, because JSON has no such value.
    ['purge', (body, news) => actions.purge((purgeSchema.safeParse(body).data ?? {}) as PurgeTarget, news)],
    ['invalidate', (body, news) => invalidateAll(body, news, actions)],
    ['keys', () => actions.forgetKeys()],
    [CONFIG_KIND, () => actions.lookAtConfig()],
  ]);
