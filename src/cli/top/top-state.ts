import { type TopRow, type TopTable, type TableName, tableNames } from './tables.ts';

/** What the person at the terminal has chosen. */
export interface TopState {
  readonly table: TableName;
  /** The number of a column. */
  readonly sortBy: number;
  readonly isReversed: boolean;
  readonly filter: string;
  readonly isTyping: boolean;
  readonly isBadOnly: boolean;
  readonly isPaused: boolean;
  readonly isHelp: boolean;
  readonly isDetail: boolean;
  readonly selected: number;
  readonly isOver: boolean;
}

export const initialState: TopState = {
  table: 'backends',
  sortBy: 0,
  isReversed: false,
  filter: '',
  isTyping: false,
  isBadOnly: false,
  isPaused: false,
  isHelp: false,
  isDetail: false,
  selected: 0,
  isOver: false,
};

export type Key = 'up' | 'down' | 'enter' | 'escape' | 'tab' | 'backspace' | 'interrupt' | { readonly text: string };

/** Splits what a terminal sends in raw mode into keys. */
export function keysIn(bytes: string): Key[] {
  const keys: Key[] = [];
  // Longer sequences first: an escape alone is a key, too.
  // oxlint-disable-next-line no-control-regex
  for (const [token] of bytes.matchAll(/\u001b(?:\[|O)[\d;]*[A-Za-z~]|[^]/gu)) {
    const named = names.get(token);
    if (named !== undefined) keys.push(named);
    else if (/^\P{Cc}$/u.test(token)) keys.push({ text: token });
  }
  return keys;
}

const names: ReadonlyMap<string, Key> = new Map<string, Key>([
  ['\u001b[A', 'up'],
  ['\u001bOA', 'up'],
  ['\u001b[B', 'down'],
  ['\u001bOB', 'down'],
  ['\r', 'enter'],
  ['\n', 'enter'],
  ['\u001b', 'escape'],
  ['\t', 'tab'],
  ['\u007f', 'backspace'],
  ['\b', 'backspace'],
  ['\u0003', 'interrupt'],
]);

const LONGEST_FILTER = 60;

/** The state after a key; `columns`: of the table that is shown. */
export function afterKey(state: TopState, key: Key, columns: number): TopState {
  if (key === 'interrupt') return { ...state, isOver: true };
  if (state.isTyping) return whileTyping(state, key);
  if (typeof key === 'object') return afterCharacter(state, key.text, columns);
  const move: Partial<Record<string, Partial<TopState>>> = {
    up: { selected: Math.max(0, state.selected - 1) },
    down: { selected: state.selected + 1 },
    enter: { isDetail: !state.isDetail },
    escape: state.isHelp || state.isDetail ? { isHelp: false, isDetail: false } : { filter: '', isBadOnly: false },
    tab: { table: next(tableNames, state.table), sortBy: 0, isReversed: false, selected: 0, isDetail: false },
  };
  return { ...state, ...move[key] };
}

function afterCharacter(state: TopState, text: string, columns: number): TopState {
  const changes: Partial<Record<string, Partial<TopState>>> = {
    q: { isOver: true },
    p: { isPaused: !state.isPaused },
    s: { sortBy: (state.sortBy + 1) % columns },
    S: { sortBy: (state.sortBy + columns - 1) % columns },
    r: { isReversed: !state.isReversed },
    b: { isBadOnly: !state.isBadOnly, selected: 0 },
    k: { selected: Math.max(0, state.selected - 1) },
    j: { selected: state.selected + 1 },
    '/': { isTyping: true, selected: 0 },
    '?': { isHelp: !state.isHelp },
  };
  return { ...state, ...changes[text] };
}

function whileTyping(state: TopState, key: Key): TopState {
  if (key === 'enter') return { ...state, isTyping: false };
  if (key === 'escape') return { ...state, isTyping: false, filter: '' };
  if (key === 'backspace') return { ...state, filter: [...state.filter].slice(0, -1).join('') };
  if (typeof key !== 'object') return state;
  return { ...state, filter: (state.filter + key.text).slice(0, LONGEST_FILTER) };
}

const next = <T>(all: readonly T[], present: T): T => all[(all.indexOf(present) + 1) % all.length] ?? present;

/** The rows that pass the filter, in their order; names rise, figures fall. */
export function visibleRows({ rows }: TopTable, { filter, isBadOnly, sortBy, isReversed }: TopState): TopRow[] {
  const wanted = filter.toLowerCase();
  const sorted = rows
    .filter((row) => row.name.toLowerCase().includes(wanted) && (!isBadOnly || row.isBad))
    .toSorted((left, right) => compare(left.keys[sortBy], right.keys[sortBy]) || compare(left.name, right.name));
  return isReversed ? sorted.toReversed() : sorted;
}

function compare(left: number | string | undefined, right: number | string | undefined): number {
  if (typeof left === 'number' && typeof right === 'number') return right - left;
  return String(left).localeCompare(String(right), 'en', { numeric: true });
}
