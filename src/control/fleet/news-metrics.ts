import type { Counter, Family, Registry } from '../../metrics/instruments.ts';

interface NewsState {
  readonly state: 'connected' | 'apart';
  readonly hosts: readonly string[];
}

/** The metrics of the news of a fleet. */
export class NewsMetrics {
  readonly #registry: Registry;
  readonly #taken: Family<Counter>;
  readonly #lost: Counter;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#taken = registry.counter(
      'rampart_fleet_news_total',
      'News for all hosts, such as purges, that this host has taken',
      'kind',
    );
    this.#lost = registry
      .counter('rampart_fleet_news_lost_total', 'Times at which news may have been lost, so that caches were emptied')
      .of();
  }

  taken(kind: string): void {
    this.#taken.of(kind).value++;
  }

  lost(): void {
    this.#lost.value++;
  }

  onSnapshot(stateOf: () => NewsState): void {
    const trusted = this.#registry
      .gauge('rampart_fleet_news_connected', '1 while this host hears of every purge in time', 'max')
      .of();
    const hosts = this.#registry.gauge('rampart_fleet_news_hosts', 'Hosts that tell each other news', 'max').of();
    this.#registry.onSnapshot(() => {
      const { state, hosts: names } = stateOf();
      trusted.set(state === 'connected' ? 1 : 0);
      hosts.set(names.length);
    });
  }
}
