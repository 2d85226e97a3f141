/** `12 requests/s`; below ten with one decimal. */
export function rate(perSecond: number): string {
  const text = perSecond >= 10 ? String(Math.round(perSecond)) : String(Math.round(perSecond * 10) / 10);
  return `${text} request${text === '1' ? '' : 's'}/s`;
}

export const shareText = (share: number): string => `${Math.round(share * 100)} %`;

export function duration(ms: number): string {
  if (ms >= 10_000) return `${Math.round(ms / 1000)} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

export const amount = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const LONGEST_LIST = 3;

/** At most three names, and how many more. */
export function list(names: readonly string[]): string {
  const shown = names.slice(0, LONGEST_LIST);
  return names.length > LONGEST_LIST
    ? `${shown.join(', ')} and ${names.length - LONGEST_LIST} more`
    : shown.join(names.length === 2 ? ' and ' : ', ');
}
