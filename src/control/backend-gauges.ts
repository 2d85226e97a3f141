import type { Family, Gauge, Registry } from '../metrics/instruments.ts';

/** The figures of a backend; undefined where a figure is not known. */
export interface BackendFigures {
  readonly up: boolean | undefined;
  readonly cap: number | undefined;
  readonly leased: number | undefined;
}

/** The gauges of backends: whether they are up, their caps, and the permits that workers hold. */
export class BackendGauges {
  readonly #up: Family<Gauge>;
  readonly #cap: Family<Gauge>;
  readonly #leased: Family<Gauge>;

  constructor(registry: Registry) {
    const gauge = (name: string, help: string): Family<Gauge> =>
      registry.gauge(name, help, 'max', 'upstream', 'backend');
    this.#up = gauge('rampart_backend_up', 'Whether the health checks pass');
    this.#cap = gauge('rampart_backend_cap', 'Requests in flight that a backend takes');
    this.#leased = gauge('rampart_backend_leased', 'Permits of a backend that workers hold');
  }

  set(upstream: string, backend: string, { up, cap = 0, leased = 0 }: BackendFigures): void {
    if (up !== undefined) this.#up.of(upstream, backend).set(up ? 1 : 0);
    this.#cap.of(upstream, backend).set(cap);
    this.#leased.of(upstream, backend).set(leased);
  }

  /** The backend has left its upstream. */
  remove(upstream: string, backend: string): void {
    for (const gauge of [this.#up, this.#cap, this.#leased]) gauge.remove(upstream, backend);
  }
}
