/** The day of a time in UTC as digits: `20261127`. */
export function dayDigits(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, -14).replaceAll(/\D/g, '');
}
