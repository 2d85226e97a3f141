const BAR_CHARACTERS = 30;

export interface ProgressState {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  /** Rows that this run has ended: those of earlier runs say nothing about the rate. */
  readonly ended: number;
  readonly seconds: number;
}

/** One line that tells how far a run is: `[######------] 5,250/12,000  812/s  8 s left  3 failed`. */
export function progressLine({ total, done, failed, ended, seconds }: ProgressState): string {
  const filled = total === 0 ? BAR_CHARACTERS : Math.floor((BAR_CHARACTERS * done) / total);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_CHARACTERS - filled)}]`;
  const rate = seconds > 0 ? ended / seconds : 0;
  const left = rate > 0 ? `  ${spanOf((total - done) / rate)} left` : '';
  const failures = failed > 0 ? `  ${failed} failed` : '';
  return `${bar} ${count(done)}/${count(total)}  ${rate.toFixed(rate < 10 ? 1 : 0)}/s${left}${failures}`;
}

/** A number as people read it. */
export const count = (number: number): string => number.toLocaleString('en-US');

/** Seconds as people read them. */
export function spanOf(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
