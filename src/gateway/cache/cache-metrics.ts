import type { Registry } from '../../metrics/instruments.ts';
import type { ReplyStore } from './reply-store.ts';

/** The size of a worker's cache, read when a report is made. */
export function registerCacheMetrics(registry: Registry, store: ReplyStore): void {
  const bytes = registry.gauge('rampart_cache_bytes', 'Bytes of stored replies, overhead included', 'sum').of();
  const entries = registry.gauge('rampart_cache_entries', 'Stored replies', 'sum').of();
  const evictions = registry.counter('rampart_cache_evictions_total', 'Stored replies that had to make room').of();
  registry.onSnapshot(() => {
    bytes.set(store.bytes);
    entries.set(store.entries);
    evictions.value = store.evictions;
  });
}
