import { LEASE_MS } from '../../../policy/fleet/fleet-times.ts';
import {
  type FleetResult,
  leastSecond,
  overshootBar,
  percentText,
  refusedShare,
  secondsText,
  useOf,
} from './fleet-bar.ts';
import type { FleetPlan } from './fleet-plan.ts';
import { type FleetRun, SAMPLE_MS } from './fleet-run.ts';
import { FleetStage, SATURATED } from './fleet-stage.ts';

const JOINING = 20;
const MOST_JOIN_MS = 10_000;
/** Permits of hosts that are silent move after a lease, its guard and a renewal, beside the quarantine. */
const MOST_RETURN_MS = 13_000;
/** An outage as long as this must cost nothing. */
const FREE_OUTAGE_MS = 5000;
const CALM_MS = 2000;
/** Part of what can be in use that counts as all of it. */
const FULL = 0.97;

/** The first time at which a mean over half a second has reached this number of requests in flight; Infinity if none did. */
function fullAgainAfter(run: FleetRun, ms: number, inFlight: number): number {
  const begin = run.now;
  let firstSample = run.samples.length;
  const samples = Math.ceil(ms / SAMPLE_MS);
  run.run(samples * SAMPLE_MS);
  for (const end = run.samples.length - WINDOW; firstSample <= end; firstSample++) {
    const window = run.samples.slice(firstSample, firstSample + WINDOW);
    const mean = window.reduce((sum, sample) => sum + sample.inFlight, 0) / WINDOW;
    if (mean >= inFlight) return (window[0]?.at ?? 0) - begin;
  }
  return Number.POSITIVE_INFINITY;
}

const WINDOW = 5;

/** Twenty hosts start at the same time in a fleet that wants more than there is. */
export function joins(plan: FleetPlan): FleetResult {
  const stage = new FleetStage(plan, SATURATED);
  const { run } = stage;
  run.run(CALM_MS);
  stage.mark('20 hosts join');
  const begin = run.now;
  const joined = Array.from({ length: JOINING }, () => run.addHost());
  for (const host of joined) stage.demand(host, SATURATED);
  const part = (0.9 * plan.cap) / run.hosts.length;
  const waiting = new Set(joined);
  let settledMs = Number.POSITIVE_INFINITY;
  run.run(MOST_JOIN_MS + CALM_MS, () => {
    for (const host of waiting) if (host.permits >= part) waiting.delete(host);
    if (waiting.size === 0) settledMs = Math.min(settledMs, run.now - begin);
  });
  const use = useOf(stage.samples, plan.cap);
  const bars = [
    {
      name: `${JOINING} hosts that join at once have their part`,
      expected: `within ${secondsText(MOST_JOIN_MS, 0)}`,
      got: secondsText(settledMs),
      passed: settledMs <= MOST_JOIN_MS,
    },
    overshootBar(run),
  ];
  return stage.result('joins', `${JOINING} hosts join at once`, bars, [
    ['cap in use meanwhile', percentText(use)],
    ['least second', percentText(leastSecond(stage.samples, plan.cap))],
  ]);
}

/** A tenth of the hosts lose their power at the same time. */
export function death(plan: FleetPlan): FleetResult {
  const stage = new FleetStage(plan, SATURATED);
  const { run } = stage;
  run.run(CALM_MS);
  const dead = stage.someHosts();
  stage.mark(`${dead.length} hosts die`);
  for (const host of dead) host.die();
  const floors = dead.length * Math.floor((plan.cap * plan.floor) / plan.hosts);
  const mostMs = MOST_RETURN_MS + plan.quarantineMs;
  const backMs = fullAgainAfter(run, mostMs + 2 * CALM_MS, FULL * (plan.cap - floors));
  const { samples } = stage;
  const bars = [
    {
      name: 'share of silent hosts at the others, but for their floors',
      expected: `within ${secondsText(mostMs)} (13 s + Q)`,
      got: secondsText(backMs),
      passed: backMs <= mostMs,
    },
    overshootBar(run),
  ];
  return stage.result('death', 'A tenth of the hosts lose their power', bars, [
    ['hosts', `${dead.length}`],
    ['floors that stay out for 10 minutes', percentText(floors / plan.cap)],
    ['least second of the cap in use', percentText(leastSecond(samples, plan.cap))],
  ]);
}

/** Nobody reaches the Valkey for a while. */
export function away(plan: FleetPlan, outageMs: number): FleetResult {
  const isFree = outageMs <= FREE_OUTAGE_MS;
  const name = isFree ? 'away-5' : 'away-30';
  const stage = new FleetStage(plan, SATURATED);
  const { run } = stage;
  run.run(CALM_MS);
  stage.mark('Valkey away');
  run.store.isAway = true;
  run.run(outageMs);
  const during = stage.samples.filter(({ at }) => at > CALM_MS);
  stage.mark('Valkey back');
  run.store.isAway = false;
  const backMs = fullAgainAfter(run, LEASE_MS, FULL * plan.cap);
  const least = leastSecond(during, plan.cap);
  const kept = isFree ? 0.95 : FULL * floorShareOf(plan);
  const bars = [
    {
      name: `cap in use while the Valkey is away for ${secondsText(outageMs, 0)}, least second`,
      expected: `>= ${percentText(kept)}${isFree ? '' : ' (the floors)'}`,
      got: percentText(least),
      passed: least >= kept,
    },
    overshootBar(run),
  ];
  return stage.result(name, `The Valkey is away for ${secondsText(outageMs, 0)}`, bars, [
    ['cap in use on average', percentText(useOf(during, plan.cap))],
    ['all of it in use again after', secondsText(backMs)],
    ['refused', percentText(refusedShare(stage.samples))],
  ]);
}

/** The floors of all hosts, which are whole numbers. */
const floorShareOf = ({ cap, floor, hosts }: FleetPlan): number => (hosts * Math.floor((cap * floor) / hosts)) / cap;
