import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { CacheOrder } from '../../protocol/cache-order.ts';
import { NamedTimers } from '../named-timers.ts';
import { invalidationNews } from './news-kinds.ts';

/** How long unsafe requests are collected, because each news makes every host read. */
const COLLECT_MS = 500;
/** Characters of one news; further orders of that time stay on their host. */
const MOST_CHARACTERS = 64 * 1024;

/** Tells the other hosts what unsafe requests have outdated, some time afterwards and without a guarantee. */
export class InvalidationPost {
  readonly #timers: NamedTimers;
  readonly #send: (body: unknown) => Promise<void> | undefined;
  #orders: CacheOrder[] = [];
  #characters = 0;

  constructor(clock: Clock, bugs: Bugs, send: (body: unknown) => Promise<void> | undefined) {
    this.#timers = new NamedTimers(clock, bugs, 'fleet-news');
    this.#send = send;
  }

  /** Orders have an id only where hosts share a cache. */
  add(order: CacheOrder): void {
    if (order.news?.id === undefined) return;
    const characters = JSON.stringify(order).length;
    if (this.#characters + characters > MOST_CHARACTERS) return;
    this.#characters += characters;
    this.#orders.push(order);
    if (this.#orders.length === 1) this.#timers.start('send', COLLECT_MS, () => this.#flush());
  }

  close(): void {
    this.#timers.close();
  }

  #flush(): void {
    const orders = this.#orders;
    this.#orders = [];
    this.#characters = 0;
    void this.#send(invalidationNews(orders));
  }
}
