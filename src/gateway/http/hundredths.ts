/** Milliseconds with two decimals at most. `toFixed` costs several times as much. */
export function hundredths(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
