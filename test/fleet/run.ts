import { setTimeout as pause } from 'node:timers/promises';
import type { Interval } from './checkers/cap.ts';
import type { ClientCall } from './clients.ts';
import type { Fault } from './fault.ts';
import type { Fleet, FleetOptions } from './fleet.ts';
import type { LimitedCall } from './limited-clients.ts';
import type { ServedRequest } from './members/backend-host.ts';
import { machineNowMs } from '../../src/core/machine-time.ts';
import type { PlannedFault } from './nemesis.ts';
import type { SharedHistory } from './shared-load.ts';

/** A fault as it happened. */
export interface FaultWindow extends Interval {
  readonly name: string;
  /** The name of the host that was struck. */
  readonly host: string;
  readonly errors: Fault['errors'];
  readonly cutsLedger: boolean;
  readonly movesDemand: boolean;
  readonly settlesMs: number;
  /** When it was undone. The window ends when the fleet must be well again. */
  readonly healedMs: number;
}

/** Everything that the checkers read. */
export interface FleetHistory {
  readonly cap: number;
  /** Names by address. */
  readonly hosts: readonly { readonly name: string; readonly address: string }[];
  /** From the first load to its end. */
  readonly load: Interval;
  readonly faults: readonly FaultWindow[];
  readonly served: readonly ServedRequest[];
  readonly calls: readonly ClientCall[];
  readonly limit: FleetOptions['limit'];
  readonly limitedCalls: readonly LimitedCall[];
  /** Of hosts that share a PostgreSQL and a cache. */
  readonly shared?: SharedHistory;
}

export interface RunOptions {
  readonly faults: readonly Fault[];
  readonly schedule: readonly PlannedFault[];
  /** Load before the schedule begins, so that connections and leases are there. */
  readonly warmUpMs: number;
  /** Faults that would begin later than this are left out. */
  readonly totalMs: number;
  readonly say: (line: string) => void;
}

/** Runs a schedule against a fleet under load and returns what was recorded. */
export async function runSchedule(fleet: Fleet, options: RunOptions): Promise<FleetHistory> {
  await fleet.load();
  await pause(options.warmUpMs);
  const startMs = machineNowMs();
  const faults: FaultWindow[] = [];
  let lateMs = 0;
  for (const planned of options.schedule) {
    const untilMs = startMs + planned.atMs + lateMs - machineNowMs();
    if (untilMs < 0) lateMs -= untilMs;
    if (planned.atMs + lateMs > options.totalMs) break;
    await pause(Math.max(0, untilMs));
    faults.push(await strike(fleet, planned, options));
  }
  await pause(Math.max(0, startMs + (options.schedule.length === 0 ? options.totalMs : 0) - machineNowMs()));
  const load = { startMs, endMs: machineNowMs() };
  const shared = await fleet.quiet();
  return {
    cap: fleet.options.cap,
    hosts: fleet.hosts.map(({ place }) => place),
    load,
    faults,
    served: await fleet.backend.requests(),
    calls: fleet.calls,
    limit: fleet.options.limit,
    limitedCalls: fleet.limitedCalls,
    ...(shared !== undefined && { shared }),
  };
}

async function strike(fleet: Fleet, planned: PlannedFault, { faults, say }: RunOptions): Promise<FaultWindow> {
  const fault = faults.find(({ name }) => name === planned.name);
  if (fault === undefined) throw new Error(`The schedule has a fault that nobody can make: ${planned.name}`);
  const host = fleet.hosts[planned.host]?.place.name ?? '';
  say(`${fault.name} (${host}, ${planned.holdMs} ms)`);
  const startMs = machineNowMs();
  await fault.apply(fleet, planned.host);
  await pause(planned.holdMs);
  await fault.heal(fleet, planned.host);
  const healedMs = machineNowMs();
  await pause(planned.recoverMs);
  const { name, errors, cutsLedger = false, movesDemand = false, settlesMs = 0 } = fault;
  return { name, host, errors, cutsLedger, movesDemand, settlesMs, startMs, healedMs, endMs: machineNowMs() };
}
