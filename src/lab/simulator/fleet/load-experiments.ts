import type { FleetPlan } from './fleet-plan.ts';
import {
  callsPerSecond,
  type FleetResult,
  leastSecond,
  overshootBar,
  percentText,
  refusedShare,
  useOf,
} from './fleet-bar.ts';
import { FleetStage, WITH_ROOM } from './fleet-stage.ts';
import type { HostModel } from './host-model.ts';

const SMALL_FLEET = 100;
const SHIFT_EVERY_MS = 2000;
const MOST_SETTLE_MS = 250;
const MOST_IDLE_CALLS = 0.4;
/** A host that has this part of the permits that it needs has settled. */
const SETTLED = 0.95;
const IDLE_SECONDS = 20;

/** Every host wants more than its equal part, and how much more changes each second. */
export function contention(plan: FleetPlan, seconds: number): FleetResult {
  const stage = new FleetStage(plan, 1.5);
  const { run } = stage;
  for (let second = 0; second < seconds; second++) {
    for (const host of run.hosts) stage.demand(host, 1.1 + 0.8 * run.random());
    run.run(1000);
  }
  const { samples } = stage;
  const use = useOf(samples, plan.cap);
  const least = plan.hosts < SMALL_FLEET ? 0.97 : 0.95;
  const bars = [
    {
      name: 'cap in use, all hosts want more',
      expected: `>= ${percentText(least, 0)}`,
      got: percentText(use),
      passed: use >= least,
    },
    overshootBar(run),
  ];
  return stage.result('contention', 'All hosts want more than there is', bars, [
    ['least second', percentText(leastSecond(samples, plan.cap))],
    ['calls a second to the Valkey', callsPerSecond(samples).toFixed(0)],
    ['refused, which is what exceeds the cap', percentText(refusedShare(samples))],
  ]);
}

/** Demand for most of the cap; every two seconds it moves to another tenth of the hosts, whose demand doubles. */
export function shifts(plan: FleetPlan, seconds: number): FleetResult {
  const stage = new FleetStage(plan, WITH_ROOM);
  const { run } = stage;
  const times: number[] = [];
  let busy: HostModel[] = [];
  for (let shift = 0; shift < Math.ceil((seconds * 1000) / SHIFT_EVERY_MS); shift++) {
    busy = stage.someHosts(busy);
    const calm = (WITH_ROOM * (plan.hosts - 2 * busy.length)) / Math.max(1, plan.hosts - busy.length);
    for (const host of run.hosts) stage.demand(host, busy.includes(host) ? 2 * WITH_ROOM : calm);
    times.push(...settleTimes(stage, busy));
  }
  const { samples } = stage;
  const at = (share: number): number => quantileOfTimes(times, share);
  const bars = [
    {
      name: 'time to settle after a shift, p99',
      expected: `<= ${MOST_SETTLE_MS} ms`,
      got: settleText(at(0.99)),
      passed: at(0.99) <= MOST_SETTLE_MS,
    },
    overshootBar(run),
  ];
  const result = stage.result('shifts', 'Demand moves to other hosts', bars, [
    ['time to settle, p50', settleText(at(0.5))],
    ['time to settle, worst', settleText(at(1))],
    ['calls a second to the Valkey', callsPerSecond(samples).toFixed(0)],
    ['refused', percentText(refusedShare(samples), 2)],
  ]);
  return { ...result, times: times.toSorted((one, other) => one - other) };
}

/** For each host the time until its permits cover its new demand; Infinity if they do not before the next shift. */
function settleTimes({ run, plan }: FleetStage, busy: readonly HostModel[]): number[] {
  const waiting = new Set(busy);
  const begin = run.now;
  const times: number[] = [];
  run.run(SHIFT_EVERY_MS, () => {
    for (const host of waiting) {
      if (host.permits < (SETTLED * host.rate * plan.meanServiceMs) / 1000) continue;
      times.push(run.now - begin);
      waiting.delete(host);
    }
  });
  return [...times, ...[...waiting].map(() => Number.POSITIVE_INFINITY)];
}

/** By nearest rank. */
export function quantileOfTimes(times: readonly number[], share: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

const settleText = (ms: number): string => (Number.isFinite(ms) ? `${ms} ms` : `> ${SHIFT_EVERY_MS} ms`);

/** No requests at all. */
export function idle(plan: FleetPlan): FleetResult {
  const stage = new FleetStage(plan);
  stage.run.run(IDLE_SECONDS * 1000);
  const calls = callsPerSecond(stage.samples);
  const ofHost = calls / plan.hosts;
  const bars = [
    {
      name: 'calls a second of an idle host',
      expected: `<= ${MOST_IDLE_CALLS}`,
      got: ofHost.toFixed(3),
      passed: ofHost <= MOST_IDLE_CALLS,
    },
  ];
  return stage.result('idle', 'No requests', bars, [['calls a second to the Valkey', calls.toFixed(1)]]);
}
