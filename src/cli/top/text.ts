import { lineText } from '../terminal-text.ts';

// A color is an escape sequence of its own (SGR), which takes no cell.
// oxlint-disable-next-line no-control-regex
const sgr = /\u001b\[[\d;]*m/g;

/** Cells that a text takes; every character that is shown here takes one. */
export const widthOf = (text: string): number => [...text.replaceAll(sgr, '')].length;

/** The same value with every text and name in it as a part of a line that cannot move the cursor: others have given them. */
export function printableIn<Value>(value: Value): Value {
  const printed = (part: unknown): unknown => {
    if (typeof part === 'string') return lineText(part);
    if (Array.isArray(part)) return part.map(printed);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [lineText(name), printed(inner)]));
  };
  return printed(value) as Value;
}

/** Cut to this many cells, without breaking a color. */
export function clipped(text: string, cells: number, ellipsis: string): string {
  if (widthOf(text) <= cells) return text;
  let [out, used, at] = ['', 0, 0];
  const room = cells - ellipsis.length;
  while (at < text.length && used < room) {
    sgr.lastIndex = at;
    const escape = sgr.exec(text);
    if (escape !== null && escape.index === at) {
      out += escape[0];
      at += escape[0].length;
      continue;
    }
    const character = String.fromCodePoint(text.codePointAt(at) ?? 32);
    out += character;
    at += character.length;
    used++;
  }
  return `${out}${ellipsis}${out.includes('\u001b') ? '\u001b[0m' : ''}`;
}

export const padEnd = (text: string, cells: number): string => text + ' '.repeat(Math.max(0, cells - widthOf(text)));
export const padStart = (text: string, cells: number): string => ' '.repeat(Math.max(0, cells - widthOf(text))) + text;

/** `1,234`, `12.3`, `0.12`. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1).replace(/\.0$/, '') : String(Number(value.toPrecision(2)));
}

export function shownMs(value: number | null): string {
  if (value === null) return '-';
  return value >= 10_000 ? `${figure(value / 1000)} s` : `${figure(value)} ms`;
}

export const percentage = (share: number): string => `${figure(share * 100)} %`;

/** `45 s`, `12 min`, `3 h`, `5 d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

export const megabytes = (bytes: number | null): string =>
  bytes === null ? '-' : `${Math.round(bytes / 1_048_576)} M`;
