import type { Counter, Family, Gauge, Registry } from '../../metrics/instruments.ts';
import type { FleetStatus } from './fleet-status.ts';

/** The metrics of the host's lease in its fleet. */
export class FleetMetrics {
  readonly #leased: Gauge;
  readonly #hosts: Gauge;
  readonly #permits: Family<Gauge>;
  readonly #floor: Family<Gauge>;
  readonly #wanted: Family<Gauge>;
  readonly #calls: Family<Counter>;

  constructor(registry: Registry) {
    const gauge = (name: string, help: string): Family<Gauge> =>
      registry.gauge(name, help, 'max', 'upstream', 'backend');
    this.#leased = registry
      .gauge('rampart_fleet_leased', 'Whether the lease of this host in its fleet runs', 'max')
      .of();
    this.#hosts = registry
      .gauge('rampart_fleet_hosts', 'Hosts that hold or keep permits of the same backends', 'max')
      .of();
    this.#permits = gauge(
      'rampart_fleet_permits',
      'Requests that this host may have in flight at a backend of the fleet',
    );
    this.#floor = gauge('rampart_fleet_floor', 'Permits of these that it keeps while Valkey is away');
    this.#wanted = gauge('rampart_fleet_wanted', 'Requests of all hosts in flight at a backend and waiting for it');
    this.#calls = registry.counter('rampart_fleet_calls_total', 'Calls to Valkey for the lease of this host', 'result');
  }

  /** Counts a call by its result. */
  called(result: 'granted' | 'refused' | 'failed'): void {
    this.#calls.of(result).value++;
  }

  set({ state, hosts, backends }: FleetStatus): void {
    this.#leased.set(state === 'leased' || state === 'learning' ? 1 : 0);
    this.#hosts.set(hosts);
    for (const { upstream, backend, permits, floor, wanted_by_all: wanted } of backends) {
      this.#wanted.of(upstream, backend).set(wanted);
      this.#permits.of(upstream, backend).set(permits);
      this.#floor.of(upstream, backend).set(floor);
    }
  }
}
