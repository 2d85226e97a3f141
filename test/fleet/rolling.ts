import { setTimeout as pause } from 'node:timers/promises';
import { machineNowMs } from '../../src/core/machine-time.ts';
import { quantile } from '../../src/lab/statistics/quantile.ts';
import { BalancedClients } from './balanced-clients.ts';
import { checkCap } from './checkers/cap.ts';
import type { ClientCall } from './clients.ts';
import type { Fleet } from './fleet.ts';

/** One restart of a host, and the calls to the whole fleet meanwhile. */
export interface Restart {
  readonly host: string;
  /** From SIGTERM to the end of all its processes, and from there until it was ready again. */
  readonly stopMs: number;
  readonly startMs: number;
  readonly calls: number;
  readonly failed: number;
  /** Quantiles of the latencies of all calls. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

export interface RollingResult {
  readonly restarts: readonly Restart[];
  readonly calls: number;
  /** The number of failed calls by outcome. */
  readonly failures: Readonly<Record<string, number>>;
  readonly mostInFlight: number;
  readonly perSecond: number;
}

export interface RollingOptions {
  readonly perSecond: number;
  /** How often each host is restarted. */
  readonly rounds: number;
  readonly say: (line: string) => void;
}

const WARM_UP_MS = 3000;
/** Between two restarts. */
const CALM_MS = 1000;

/** Restarts every host of a fleet, one after another, under a steady load that a load balancer spreads. */
export async function restartAll(fleet: Fleet, { perSecond, rounds, say }: RollingOptions): Promise<RollingResult> {
  const hosts = fleet.hosts.map(({ place: { name }, url, readyUrl }) => ({ name, url, readyUrl }));
  const clients = await BalancedClients.start(hosts, perSecond, `/work?ms=${fleet.options.serviceMs}`);
  const beginMs = machineNowMs();
  await pause(WARM_UP_MS);
  const restarts: Restart[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const host of fleet.hosts) {
      const { name } = host.place;
      const before = clients.calls.length;
      const askedAt = machineNowMs();
      await host.stop();
      const endedAt = machineNowMs();
      await host.start();
      await clients.untilReady(name);
      const startMs = machineNowMs() - endedAt;
      await pause(CALM_MS);
      const row = rowOf(clients.calls.slice(before), { host: name, stopMs: endedAt - askedAt, startMs });
      say(`${name}: ${row.calls} calls, ${row.failed} failed, slowest ${Math.round(row.slowestMs)} ms`);
      restarts.push(row);
    }
  }
  const window = { startMs: beginMs, endMs: machineNowMs() };
  await clients.stop();
  const served = await fleet.backend.requests();
  return {
    restarts,
    calls: clients.calls.length,
    failures: failuresOf(clients.calls),
    mostInFlight: checkCap(served, fleet.options.cap, window).maxInFlight,
    perSecond: (clients.calls.length * 1000) / (window.endMs - window.startMs),
  };
}

function rowOf(calls: readonly ClientCall[], times: Pick<Restart, 'host' | 'stopMs' | 'startMs'>): Restart {
  const latencies = calls.map(({ startMs, endMs }) => endMs - startMs);
  return {
    ...times,
    calls: calls.length,
    failed: calls.filter(({ outcome }) => outcome !== 200).length,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    slowestMs: quantile(latencies, 1),
  };
}

function failuresOf(calls: readonly ClientCall[]): Record<string, number> {
  const failures: Record<string, number> = {};
  for (const { outcome } of calls) if (outcome !== 200) failures[outcome] = (failures[outcome] ?? 0) + 1;
  return failures;
}

/** The restarts as a table in Markdown. */
export function rollingTable({ restarts }: RollingResult): string {
  const head =
    '| host | stopped after | ready again after | calls meanwhile | failed | p50 | p99 | slowest |\n|---|---|---|---|---|---|---|---|';
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const rows = restarts.map(
    (one) =>
      `| ${one.host} | ${seconds(one.stopMs)} | ${seconds(one.startMs)} | ${one.calls} | ${one.failed} | ${ms(one.p50Ms)} | ${ms(one.p99Ms)} | ${ms(one.slowestMs)} |`,
  );
  return [head, ...rows].join('\n');
}
