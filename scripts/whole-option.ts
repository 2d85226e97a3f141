/** The whole number of an option of a script; throws an error that names the valid range. */
export function wholeOption(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`--${name} must be a whole number from ${least} to ${most}: got '${text}'`);
}
