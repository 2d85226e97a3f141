import type { Step } from './step.ts';

export interface Resources {
  /** Requests that all backends together serve at the same time; undefined if that is not known. */
  readonly slots: number | undefined;
}

const FULL = 0.9;

/**
 * What kept a load from more, by utilisation: a resource whose share of busy time is 90 % or more. For the slots that
 * follows from the utilisation law, U = X S / m (Denning and Buzen 1978), with S the mean exec that Server-Timing says.
 */
export function bottleneckOf({ endpoints, use }: Step, { slots: ofAll }: Resources): string {
  if (use.processes.length === 0) return 'what cannot be seen from here: its processes and slots are not known';
  const busySlots = busySlotsOf(endpoints);
  const slots = busySlots === undefined ? undefined : ofAll;
  const busiest = use.processes.toSorted((left, right) => right.cpuShare - left.cpuShare)[0];
  if (busySlots !== undefined && slots !== undefined && busySlots / slots >= FULL)
    return `the generators' slots: ${busySlots.toFixed(1)} of ${slots} were busy on average`;
  if (use.machineCpuShare >= FULL) {
    return `the processors: ${percent(use.machineCpuShare)} busy, ${percent(use.foreignCpuShare)} of all with other programs`;
  }
  if (busiest !== undefined && busiest.cpuShare >= FULL) {
    return `${busiest.role} ${busiest.instance}, which used ${percent(busiest.cpuShare)} of a processor`;
  }
  const most = busiest === undefined ? '' : `, ${busiest.role} ${busiest.instance} ${percent(busiest.cpuShare)} of one`;
  const inSlots =
    busySlots === undefined || slots === undefined ? '' : `${busySlots.toFixed(1)} of ${slots} slots and `;
  return `nothing that was full: ${inSlots}${percent(use.machineCpuShare)} of the processors were busy${most}`;
}

/** Endpoints whose requests go to a generator; all others leave its slots alone. */
const atGenerators: ReadonlySet<string> = new Set(['createBarcode', 'renderBarcode']);

/** Undefined if no request went to a generator, or no reply has its time. */
function busySlotsOf(endpoints: Step['endpoints']): number | undefined {
  const told = endpoints.filter(({ endpoint, exec }) => atGenerators.has(endpoint) && Number.isFinite(exec.meanMs));
  if (told.length === 0) return undefined;
  return told.reduce((sum, { throughputPerSecond, exec }) => sum + (throughputPerSecond * exec.meanMs) / 1000, 0);
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
