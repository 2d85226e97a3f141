/** The counts of a process since its start, and its present use of memory and descriptors, as Linux has them. */
export interface ProcessCounts {
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The part of that which is shared with other processes; that of PostgreSQL's grows as they touch more of it. */
  readonly sharedBytes: number;
  readonly contextSwitches: number;
  /** Time that it was ready to run and had no processor. */
  readonly runQueueMs: number;
}

/** Linux counts processor time in hundredths of a second towards programs, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** Reads the texts of /proc/PID/stat, status and schedstat (proc(5)); a missing value counts as 0. */
export function processCounts(stat: string, status: string, schedstat: string): ProcessCounts {
  // The name stands in parentheses and may hold anything; what follows are the fields from the third on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3] ?? 0);
  const switches = [...status.matchAll(/^(?:non)?voluntary_ctxt_switches:\s+(\d+)$/gm)];
  return {
    cpuMs: ((field(14) + field(15)) * 1000) / TICKS_PER_SECOND,
    rssBytes: field(24) * PAGE_BYTES,
    sharedBytes: Number(/^RssShmem:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024,
    contextSwitches: switches.reduce((sum, match) => sum + Number(match[1]), 0),
    runQueueMs: Number(schedstat.split(' ')[1] ?? 0) / 1e6,
  };
}
