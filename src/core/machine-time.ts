import type { Clock } from './clock.ts';

/**
 * What must be added to the times of a clock to compare them over the processes of a machine: `clock.now()` counts from the
 * start of its process, the machine's monotonic clock from the boot. In milliseconds.
 */
export const machineOffsetMs = (clock: Clock): number => Number(process.hrtime.bigint()) / 1e6 - clock.now();
