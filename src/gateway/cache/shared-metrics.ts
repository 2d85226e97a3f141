import type { Counter, Family, Registry } from '../../metrics/instruments.ts';

/**
 * The result of a look-up. `outdated`: an order removes it, or may do so · `corrupt`: not a value of this release · `skipped`: nobody was asked,
 * because the breaker is open or too many look-ups are in flight.
 */
export type LookUpResult = 'hit' | 'miss' | 'outdated' | 'corrupt' | 'timeout' | 'error' | 'skipped';

/** `dropped`: the queue was full, or the breaker open. */
export type WriteResult = 'stored' | 'dropped' | 'failed';

/** The metrics of the shared cache, as one worker uses it. */
export class SharedMetrics {
  readonly #lookUps: Family<Counter>;
  readonly #writes: Family<Counter>;
  readonly #bytes: Family<Counter>;

  constructor(registry: Registry, isOpen: () => boolean) {
    this.#lookUps = registry.counter('rampart_shared_cache_requests_total', 'Look-ups in the shared cache', 'result');
    this.#writes = registry.counter('rampart_shared_cache_writes_total', 'Replies for the shared cache', 'result');
    this.#bytes = registry.counter(
      'rampart_shared_cache_bytes_total',
      'Bytes read from and written to the shared cache',
      'direction',
    );
    const open = registry
      .gauge(
        'rampart_shared_cache_breaker_open',
        '1 while a worker does not ask the shared cache, as it has failed',
        'max',
      )
      .of();
    registry.onSnapshot(() => open.set(isOpen() ? 1 : 0));
  }

  lookedUp(result: LookUpResult): void {
    this.#lookUps.of(result).value++;
  }

  wrote(result: WriteResult, count = 1): void {
    this.#writes.of(result).value += count;
  }

  moved(direction: 'read' | 'written', bytes: number): void {
    this.#bytes.of(direction).value += bytes;
  }
}
