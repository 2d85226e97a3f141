/** Figures as people read them: three significant digits at most, and a dash where nothing is known. */
export const UNKNOWN = '–';

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function countText(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(size >= 1e7 ? 0 : 1)}M`;
  if (size >= 100 || Number.isInteger(value)) return grouped.format(value);
  return value.toFixed(size >= 10 ? 1 : 2).replace(/\.?0+$/, '');
}

/** A rate: quiet ones with one decimal, so that 0.2 a second is not shown as none. */
export function rateText(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (value === 0) return '0';
  return value < 10 ? value.toFixed(1) : countText(Math.round(value));
}

export function msText(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (value === 0) return '0 ms';
  if (value >= 10_000) return `${(value / 1000).toFixed(0)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} ms`;
}

/** A share of 0 to 1; what is small is not rounded to none, and what is not whole is not rounded to all. */
export function partText(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  const percent = value * 100;
  if (percent > 0 && percent < 0.1) return '< 0.1 %';
  if (percent < 100 && percent > 99.9) return '99.9 %';
  return `${Math.abs(percent) < 10 && !Number.isInteger(percent) ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytesText(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  return `${scaled < 10 && power > 0 ? scaled.toFixed(1) : scaled.toFixed(0)} ${units[power]}`;
}

/** A length of time in its largest two units. */
export function spanText(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return '0 s';
  // The second of a large span change too often to be read.
  const shown = parts.slice(
    first,
    first + (first >= 2 && parts[first]?.[0] !== undefined && parts[first][0] >= 10 ? 1 : 2),
  );
  return shown
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

const seconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minutes = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export const timeText = (atMs: number): string => seconds.format(atMs);
export const minuteText = (atMs: number): string => minutes.format(atMs);
export const dayText = (atMs: number): string => day.format(atMs);

/** The path of a line through the values, in a box of this size, from 0 to the largest value. */
export function sparkPath(values: readonly number[], width: number, height: number, length: number): string {
  if (values.length < 2) return '';
  const most = Math.max(...values, 1e-9);
  const step = width / (length - 1);
  const start = length - values.length;
  return values
    .map((value, index) => {
      const x = ((start + index) * step).toFixed(1);
      const y = (height - 1 - (Math.max(0, value) / most) * (height - 2)).toFixed(1);
      return `${index === 0 ? 'M' : 'L'}${x} ${y}`;
    })
    .join('');
}
