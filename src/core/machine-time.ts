import type { Clock } from './clock.ts';

/** Milliseconds of the machine's monotonic clock (CLOCK_MONOTONIC): the same for all processes of one kernel. */
export const machineNowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/**
 * The difference between the machine's monotonic clock, which counts from the boot, and a clock of this process, which counts
 * from its start. In milliseconds.
 */
export const machineOffsetMs = (clock: Clock): number => machineNowMs() - clock.now();
