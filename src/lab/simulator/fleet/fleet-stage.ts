import { LEARNING_MS } from '../../../policy/fleet/fleet-times.ts';
import type { FleetBar, FleetExperimentName, FleetResult } from './fleet-bar.ts';
import type { FleetPlan } from './fleet-plan.ts';
import { FleetRun } from './fleet-run.ts';
import type { HostModel } from './host-model.ts';

/** From an empty Valkey until it has learnt and every floor is confirmed. */
const WARM_UP_MS = LEARNING_MS + 7000;
/** For traffic to reach its level. */
const RISE_MS = 3000;

/** Demand of all hosts as parts of the cap: with room, and with more than there is. */
export const WITH_ROOM = 0.8;
export const SATURATED = 1.25;

/** A fleet that has learnt and serves, and what is done with it from now on. */
export class FleetStage {
  readonly run: FleetRun;
  readonly plan: FleetPlan;
  readonly marks: { name: string; at: number }[] = [];
  readonly #beganAt: number;
  readonly #firstSample: number;

  /** `load`: the demand of all hosts, as a part of the cap; none without it. */
  constructor(plan: FleetPlan, load = 0) {
    this.plan = plan;
    this.run = new FleetRun(plan);
    this.run.run(WARM_UP_MS + plan.quarantineMs);
    if (load > 0) {
      for (const host of this.run.hosts) this.demand(host, load);
      this.run.run(RISE_MS);
    }
    this.#beganAt = this.run.now;
    this.#firstSample = this.run.samples.length;
  }

  /** An equal part of the cap. */
  get equalPart(): number {
    return this.plan.cap / this.plan.hosts;
  }

  /** Milliseconds since the experiment began. */
  get now(): number {
    return this.run.now - this.#beganAt;
  }

  get samples(): FleetResult['samples'] {
    return this.run.samples.slice(this.#firstSample).map((sample) => ({ ...sample, at: sample.at - this.#beganAt }));
  }

  /** The host would have this many times an equal part of the cap in flight, on average. */
  demand(host: HostModel, equalParts: number): void {
    host.useRate((equalParts * this.equalPart * 1000) / this.plan.meanServiceMs);
  }

  mark(name: string): void {
    this.marks.push({ name, at: this.now });
  }

  /** A tenth of the hosts, by chance, at least one; none of `without`. */
  someHosts(without: readonly HostModel[] = []): HostModel[] {
    const others = this.run.hosts.filter((host) => !without.includes(host));
    const count = Math.max(1, Math.round(this.plan.hosts / 10));
    return Array.from({ length: count }, () => {
      const index = Math.floor(this.run.random() * others.length);
      return others.splice(index, 1)[0] as HostModel;
    });
  }

  result(
    name: FleetExperimentName,
    title: string,
    bars: readonly FleetBar[],
    figures: FleetResult['figures'],
  ): FleetResult {
    return { name, title, plan: this.plan, bars, figures, samples: this.samples, marks: this.marks };
  }
}
