const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const longDays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const time = String.raw`(\d{2}):(\d{2}):(\d{2})`;
const fixed = new RegExp(`^(${days.join('|')}), (\\d{2}) (${months.join('|')}) (\\d{4}) ${time} GMT$`);
const rfc850 = new RegExp(`^(${longDays.join('|')}), (\\d{2})-(${months.join('|')})-(\\d{2}) ${time} GMT$`);
const asctime = new RegExp(`^(${days.join('|')}) (${months.join('|')}) (\\d{2}| \\d) ${time} (\\d{4})$`);

/**
 * Milliseconds since the epoch of an HTTP-date in one of its three forms (RFC 9110 §5.6.7), and of nothing looser:
 * undefined where the text is none. `wallNow` decides the century of the form that has two digits of the year.
 */
export function parseHttpDate(text: string | undefined, wallNow?: number): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim();
  const short = fixed.exec(value);
  if (short !== null) return instant(short[4], short[3], short[2], short.slice(5));
  const long = rfc850.exec(value);
  if (long !== null) return instant(String(fullYear(Number(long[4]), wallNow)), long[3], long[2], long.slice(5));
  const old = asctime.exec(value);
  return old === null ? undefined : instant(old[7], old[2], old[3], old.slice(4, 7));
}

/** A date that seems to be more than 50 years ahead belongs to the century before. */
function fullYear(twoDigits: number, wallNow: number | undefined): number {
  // Computed without a clock, as of 2026, which is correct for all dates before 2076.
  const thisYear = wallNow === undefined ? 2026 : new Date(wallNow).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

function instant(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  clock: readonly (string | undefined)[],
): number | undefined {
  const [hours = 99, minutes = 99, seconds = 99] = clock.map(Number);
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const at = Date.UTC(Number(year), months.indexOf(month ?? ''), Number(day), hours, minutes, seconds);
  // 31 February does not exist.
  return new Date(at).getUTCDate() === Number(day) || seconds === 60 ? at : undefined;
}

export function formatHttpDate(wallMs: number): string {
  return new Date(wallMs).toUTCString();
}
