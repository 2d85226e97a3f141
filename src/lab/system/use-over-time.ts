import { median } from '../statistics/quantile.ts';
import type { ProcessUse, SystemUse } from './process-watch.ts';

/** The use in several intervals of the same length, together; that of a process in the intervals in which it ran. */
export function useOverTime(uses: readonly SystemUse[]): SystemUse {
  const byPid = new Map<number, ProcessUse[]>();
  for (const use of uses.flatMap(({ processes }) => processes)) {
    const known = byPid.get(use.pid);
    if (known === undefined) byPid.set(use.pid, [use]);
    else known.push(use);
  }
  return {
    machineCpuShare: average(uses.map(({ machineCpuShare }) => machineCpuShare)),
    foreignCpuShare: averageOfKnown(uses.map(({ foreignCpuShare }) => foreignCpuShare)),
    processes: [...byPid.values()].map((parts) => ({
      ...(parts[0] as ProcessUse),
      cpuShare: average(parts.map(({ cpuShare }) => cpuShare)),
      maxRssBytes: Math.max(...parts.map(({ maxRssBytes }) => maxRssBytes)),
      maxDescriptors: Math.max(...parts.map(({ maxDescriptors }) => maxDescriptors)),
      ownBytes: median(parts.map(({ ownBytes }) => ownBytes)),
      descriptors: median(parts.map(({ descriptors }) => descriptors)),
      contextSwitchesPerSecond: average(parts.map(({ contextSwitchesPerSecond }) => contextSwitchesPerSecond)),
      runQueueShare: average(parts.map(({ runQueueShare }) => runQueueShare)),
    })),
  };
}

/** NaN where none of them is known. */
function averageOfKnown(values: readonly number[]): number {
  const known = values.filter(Number.isFinite);
  return known.length === 0 ? Number.NaN : average(known);
}

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
