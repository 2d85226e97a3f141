import type { Clock } from '../../core/clock.ts';
import type { CacheClient } from './cache-client.ts';
import type { AnyFetch, CoalescedFetches } from './coalesced-fetches.ts';
import type { CacheKey } from './entry.ts';
import { type ReplyStore, selectSame } from './reply-store.ts';
import type { SharedCache, SharedFound } from './shared-cache.ts';
import type { SubscribedFetch, Subscriber } from './subscriber.ts';

interface LookUpDependencies {
  readonly clock: Clock;
  readonly store: ReplyStore;
  readonly fetches: CoalescedFetches<AnyFetch>;
  readonly shared: SharedCache;
  readonly onBug: (error: unknown) => void;
}

/**
 * One look-up in the shared cache on behalf of all concurrent requests for a key. What it finds goes into the cache of the worker, and all
 * requests look there again; if it finds nothing, the first of them asks a backend and the others wait for it.
 */
export class SharedLookUp implements SubscribedFetch, AnyFetch {
  readonly key: CacheKey;
  readonly joinKey: string;
  slot = -1;
  readonly #dependencies: LookUpDependencies;
  readonly #client: CacheClient;
  readonly #subscribers = new Set<Subscriber>();

  constructor(dependencies: LookUpDependencies, client: CacheClient, joinKey: string) {
    this.key = client.key;
    this.joinKey = joinKey;
    this.#dependencies = dependencies;
    this.#client = client;
  }

  start(subscriber: Subscriber): void {
    this.join(subscriber);
    this.#run().catch(this.#dependencies.onBug);
  }

  join(subscriber: Subscriber): boolean {
    this.#subscribers.add(subscriber);
    subscriber.subscribeTo(this);
    return true;
  }

  leave(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
  }

  drained(): void {}

  /** The shared cache checks all orders when its answer has come. */
  invalidate(): void {}

  cancelIfInBackground(): void {}

  async #run(): Promise<void> {
    const { shared, fetches } = this.#dependencies;
    let found: SharedFound = { entry: undefined, vary: [] };
    try {
      found = this.#kept(await shared.find(this.#client));
    } finally {
      fetches.remove(this);
      this.#release(found);
    }
  }

  /** The entry is left out if the worker has a better one. */
  #kept({ entry, vary }: SharedFound): SharedFound {
    const { store } = this.#dependencies;
    const { key, x } = this.#client;
    const known = store.find(key, x);
    const isBetter = entry !== undefined && !(known?.kind === 'reply' && known.freshUntil >= entry.freshUntil);
    // Also without a reply: requests with other fields then look for other replies.
    const place = isBetter || (vary.length > 0 && known === undefined) ? store.placeOf(key, vary, x) : undefined;
    if (!isBetter || place === undefined) return { entry: undefined, vary };
    store.keep(place, entry);
    return { entry, vary };
  }

  #release({ entry, vary }: SharedFound): void {
    const now = this.#dependencies.clock.now();
    for (const subscriber of this.#subscribers) {
      const { x } = subscriber.client;
      if (selectSame(vary, this.#client.x, x)) subscriber.shared = entry === undefined ? 'absent' : 'found';
      x.coalescedMs += Math.max(0, now - subscriber.joinedAt);
      subscriber.settle({ kind: 'released', mayShare: true });
    }
  }
}
