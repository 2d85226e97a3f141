/**
 * Milliseconds of CLOCK_MONOTONIC since boot: one clock for all processes of this kernel, so the events of all hosts of a
 * run have one exact order.
 */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
