import type { Counter, Family, Gauge, Registry } from '../../metrics/instruments.ts';
import type { ConfigVersion } from '../../protocol/config-wire.ts';

/** The metrics of the configuration of a host. */
export class ConfigMetrics {
  readonly #version: Gauge;
  readonly #reloads: Family<Counter>;
  readonly #isGood: Gauge;

  constructor(registry: Registry) {
    this.#version = registry.gauge('rampart_config_version', 'The version of the configuration in force', 'max').of();
    this.#reloads = registry.counter('rampart_config_reloads_total', 'Changes of the configuration', 'result');
    this.#isGood = registry
      .gauge('rampart_config_reload_success', 'Whether the last change of the configuration was not refused', 'max')
      .of();
    this.#isGood.set(1);
    for (const result of ['applied', 'unchanged', 'refused']) this.#reloads.of(result);
  }

  inForce({ number }: ConfigVersion): void {
    this.#version.set(number);
  }

  changed(result: string): void {
    this.#reloads.of(result).add();
    this.#isGood.set(result === 'refused' ? 0 : 1);
  }
}
