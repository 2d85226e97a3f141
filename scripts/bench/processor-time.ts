import { readFileSync } from 'node:fs';
import { processCounts } from '../../src/lab/system/proc.ts';

/** Processor seconds (user and system) that these processes have used. */
export function processorSeconds(pids: readonly number[]): number {
  let ms = 0;
  for (const pid of pids) ms += processCounts(readFileSync(`/proc/${pid}/stat`, 'utf8'), '', '').cpuMs;
  return ms / 1000;
}
