const ESC = '\u001b';
/** A terminal that knows them shows what stands between at once (DEC private mode 2026); others ignore them. */
const SYNC_BEGIN = `${ESC}[?2026h`;
const SYNC_END = `${ESC}[?2026l`;

/** Alternate screen, no cursor, no line wrap. */
export const enterScreen = `${ESC}[?1049h${ESC}[?25l${ESC}[?7l${ESC}[H${ESC}[2J`;
/** The reverse. */
export const leaveScreen = `${ESC}[?7h${ESC}[?25h${ESC}[?1049l`;

/** What to write so that a terminal which shows `before` shows `lines`; '' if nothing differs. Undefined: everything is written. */
export function frameChange(before: readonly string[] | undefined, lines: readonly string[]): string {
  const changed = lines.flatMap((line, row) => (before?.[row] === line ? [] : [`${ESC}[${row + 1};1H${line}${ESC}[K`]));
  if (changed.length === 0) return '';
  const clear = before === undefined || before.length > lines.length ? `${ESC}[2J` : '';
  return `${SYNC_BEGIN}${clear}${changed.join('')}${SYNC_END}`;
}
