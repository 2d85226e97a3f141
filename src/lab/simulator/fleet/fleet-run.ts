import { type Random, seededRandom } from '../../../core/random.ts';
import type { FleetPlan } from './fleet-plan.ts';
import { HostModel, type SendCall } from './host-model.ts';
import { StoreModel } from './store-model.ts';

/** A tenth of a second of a run. */
export interface FleetSample {
  /** The end of it, in milliseconds since the begin of the run. */
  readonly at: number;
  /** Requests in flight, on average. */
  readonly inFlight: number;
  readonly queued: number;
  /** Permits of all hosts that are alive. */
  readonly permits: number;
  readonly calls: number;
  readonly arrived: number;
  readonly refused: number;
}

export const SAMPLE_MS = 100;

/** Hosts, their traffic and the Valkey in simulated time, a millisecond at a time. */
export class FleetRun {
  readonly plan: FleetPlan;
  readonly hosts: HostModel[] = [];
  readonly store: StoreModel;
  readonly random: Random;
  readonly samples: FleetSample[] = [];
  /** Milliseconds since the begin. */
  now = 0;
  /** The most requests in flight at any time. */
  peak = 0;
  readonly #send: SendCall;
  readonly #byId = new Map<string, HostModel>();
  #inFlightMs = 0;
  #before = { calls: 0, arrived: 0, refused: 0 };

  constructor(plan: FleetPlan) {
    this.plan = plan;
    this.random = seededRandom(plan.seed);
    this.store = new StoreModel({ ...plan, random: this.random });
    this.#send = (host, number, call) => this.store.send(host, number, call, this.now);
    for (let index = 0; index < plan.hosts; index++) this.addHost();
  }

  addHost(): HostModel {
    const host = new HostModel(this.hosts.length, this.plan, this.random, this.now);
    this.hosts.push(host);
    this.#byId.set(host.id, host);
    return host;
  }

  /** Goes on for this long. `look`: after each millisecond. */
  run(ms: number, look?: () => void): void {
    for (const end = this.now + ms; this.now < end;) {
      this.#tick();
      look?.();
    }
  }

  #tick(): void {
    const now = ++this.now;
    let inFlight = 0;
    for (const host of this.hosts) {
      host.tick(now, this.#send);
      inFlight += host.traffic.inFlight;
    }
    for (const event of this.store.arrivals(now)) {
      if (event.kind === 'answer') this.hosts[event.host]?.answered(event.number, event.answer, now, this.#send);
      else for (const id of event.donors) this.#byId.get(id)?.hinted(now, this.#send);
    }
    this.peak = Math.max(this.peak, inFlight);
    this.#inFlightMs += inFlight;
    if (now % SAMPLE_MS === 0) this.#sample();
  }

  #sample(): void {
    const sum = { queued: 0, permits: 0, arrived: 0, refused: 0 };
    for (const { traffic, permits } of this.hosts) {
      sum.queued += traffic.queued;
      sum.permits += permits;
      sum.arrived += traffic.arrived;
      sum.refused += traffic.refused;
    }
    const { calls } = this.store;
    this.samples.push({
      at: this.now,
      inFlight: this.#inFlightMs / SAMPLE_MS,
      queued: sum.queued,
      permits: sum.permits,
      calls: calls - this.#before.calls,
      arrived: sum.arrived - this.#before.arrived,
      refused: sum.refused - this.#before.refused,
    });
    this.#inFlightMs = 0;
    this.#before = { calls, arrived: sum.arrived, refused: sum.refused };
  }
}
