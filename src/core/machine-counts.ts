/** Ticks since the start of the machine. */
export interface MachineCounts {
  readonly busy: number;
  readonly total: number;
}

/** All processors together, from /proc/stat; time that a virtual machine's host took away counts as busy. */
export function machineCounts(stat: string): MachineCounts {
  const ticks = (/^cpu\s+(.*)$/m.exec(stat)?.[1] ?? '').split(/\s+/).slice(0, 8).map(Number);
  const total = ticks.reduce((sum, each) => sum + each, 0);
  const [, , , idle = 0, waiting = 0] = ticks;
  return { busy: total - idle - waiting, total };
}
