import type { MakeCell } from './cells.ts';
import { h, setAttribute, setText } from './dom.ts';
import { actionsHead, tableRegion } from './table-region.ts';

export interface Column<Row> {
  readonly head: string;
  /** What the figures are, for whoever points at the head. */
  readonly meaning: string;
  readonly cell: MakeCell<Row>;
  readonly sortBy: (row: Row) => number | string;
  readonly isNumber?: boolean;
  /** Beside its figure it has a bar, or the line of the last minute. */
  readonly room?: 'bar' | 'spark';
  /** Left out where there is little room. */
  readonly isWide?: boolean;
}

export interface LiveTableOptions<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly idOf: (row: Row) => string;
  readonly isWell: (row: Row) => boolean;
  /** The rows of a group stand together, below a line about it. */
  readonly groupOf?: (row: Row) => string;
  readonly onMenu?: ((row: Row, button: HTMLElement) => void) | undefined;
  readonly empty: string;
  /** The head of the column by which it is sorted at first; the first one, if not given. */
  readonly sortedBy?: string;
}

/** Rows change places at most so often, and never under the pointer. */
const SORT_EVERY = 3;
/** A table out of sight is drawn at so many seconds, but for rows that become well or unwell: it may be searched or read aloud. */
const UNSEEN_EVERY = 5;

interface ShownRow<Row> {
  readonly element: HTMLTableRowElement;
  readonly note: (row: Row) => void;
  readonly show: (row: Row) => void;
  row: Row;
}

/** Which rows of all tables are shown. */
export interface RowFilter {
  readonly text: string;
  readonly onlyUnwell: boolean;
}

/** A table whose rows follow what control sends: sortable, and with its elements kept from second to second. */
export class LiveTable<Row> {
  readonly element: HTMLElement;
  readonly #options: LiveTableOptions<Row>;
  readonly #table: HTMLTableElement;
  readonly #empty: HTMLElement;
  readonly #rows = new Map<string, ShownRow<Row>>();
  readonly #bodies = new Map<string, { body: HTMLTableSectionElement; line: HTMLElement | undefined }>();
  readonly #heads: HTMLElement[] = [];
  #sorted: { readonly column: number; readonly isDown: boolean };
  #untilSort = 0;
  /** Within reach of the window. */
  #isSeen = true;
  #untilShown = 0;
  #filter: RowFilter = { text: '', onlyUnwell: false };

  constructor(options: LiveTableOptions<Row>) {
    this.#options = options;
    const { caption, columns, onMenu, sortedBy } = options;
    const column = Math.max(
      0,
      columns.findIndex(({ head }) => head === sortedBy),
    );
    this.#sorted = { column, isDown: columns[column]?.isNumber === true };
    const heads = columns.map((column, index) => this.#head(column, index));
    if (onMenu !== undefined) heads.push(actionsHead());
    this.#table = h('table', {}, h('caption', {}, caption), h('thead', {}, h('tr', {}, ...heads)));
    this.#empty = h('p', { class: 'empty' });
    this.element = tableRegion(caption, this.#table, this.#empty);
    this.#showSort();
    new IntersectionObserver(([entry]) => this.#seen(entry?.isIntersecting === true), { rootMargin: '200px' }).observe(
      this.element,
    );
  }

  #seen(isSeen: boolean): void {
    if (isSeen && !this.#isSeen) for (const { show, row } of this.#rows.values()) show(row);
    this.#isSeen = isSeen;
  }

  /** `groups`: the line above the rows of each group. */
  show(rows: readonly Row[], groups: Readonly<Record<string, string>> = {}): void {
    const { idOf, groupOf, isWell } = this.#options;
    this.#untilShown = this.#isSeen ? 0 : (this.#untilShown + UNSEEN_EVERY - 1) % UNSEEN_EVERY;
    const isDue = this.#untilShown === 0;
    const present = new Set<string>();
    let isNew = false;
    for (const row of rows) {
      const id = idOf(row);
      present.add(id);
      const known = this.#rows.get(id);
      if (known === undefined) isNew = true;
      const shown = known ?? this.#addRow(id, row);
      const isNews = known === undefined || isWell(row) !== isWell(shown.row);
      shown.row = row;
      shown.note(row);
      if (isDue || isNews) shown.show(row);
    }
    for (const [id, { element }] of this.#rows) {
      if (present.has(id)) continue;
      element.remove();
      this.#rows.delete(id);
    }
    for (const row of rows) this.#bodyOf(groupOf?.(row) ?? '');
    for (const [name, text] of Object.entries(groups)) {
      const { line } = this.#bodyOf(name);
      if (line !== undefined) setText(line, text);
    }
    for (const [name, { body }] of this.#bodies) {
      if (Object.hasOwn(groups, name) || groupOf === undefined) continue;
      body.remove();
      this.#bodies.delete(name);
    }
    this.#untilSort = isNew ? 0 : this.#untilSort - 1;
    if (this.#untilSort <= 0 && (isNew || !this.element.matches(':hover, :focus-within'))) this.#sort();
    this.#applyFilter();
  }

  filter(filter: RowFilter): void {
    this.#filter = filter;
    this.#applyFilter();
  }

  #head({ head, meaning, isNumber, isWide, room }: Column<Row>, index: number): HTMLElement {
    const button = h('button', { type: 'button', title: meaning, click: () => this.#sortBy(index) }, head);
    const cell = h('th', { scope: 'col', class: classOf(isNumber, isWide, room) }, button);
    this.#heads.push(cell);
    return cell;
  }

  #sortBy(index: number): void {
    const isSame = this.#sorted.column === index;
    // Figures begin with the largest, names with the first.
    const first = this.#options.columns[index]?.isNumber === true;
    this.#sorted = { column: index, isDown: isSame ? !this.#sorted.isDown : first };
    this.#showSort();
    this.#sort();
  }

  #showSort(): void {
    const { column, isDown } = this.#sorted;
    for (const [index, head] of this.#heads.entries())
      setAttribute(head, 'aria-sort', index === column ? (isDown ? 'descending' : 'ascending') : undefined);
  }

  #addRow(id: string, row: Row): ShownRow<Row> {
    const { columns, onMenu, groupOf } = this.#options;
    const cells = columns.map(({ cell }) => cell());
    const element = h('tr');
    for (const [index, { content }] of cells.entries()) {
      const { isNumber, isWide } = columns[index] as Column<Row>;
      const tag = index === 0 ? 'th' : 'td';
      element.append(h(tag, { class: classOf(isNumber, isWide), scope: index === 0 ? 'row' : undefined }, content));
    }
    const shown: ShownRow<Row> = {
      element,
      row,
      note: (next) => cells.forEach((cell) => cell.note?.(next)),
      show: (next) => cells.forEach((cell) => cell.show(next)),
    };
    if (onMenu !== undefined) {
      const button = h(
        'button',
        { type: 'button', class: 'menu', 'aria-label': `Actions for ${id}`, 'aria-haspopup': 'true' },
        '⋯',
      );
      button.addEventListener('click', () => onMenu(shown.row, button));
      element.append(h('td', { class: 'actions' }, button));
    }
    this.#rows.set(id, shown);
    this.#bodyOf(groupOf?.(row) ?? '').body.append(element);
    return shown;
  }

  #bodyOf(name: string): { body: HTMLTableSectionElement; line: HTMLElement | undefined } {
    const known = this.#bodies.get(name);
    if (known !== undefined) return known;
    const body = h('tbody');
    const columns = this.#options.columns.length + (this.#options.onMenu === undefined ? 0 : 1);
    const line = this.#options.groupOf === undefined ? undefined : h('span');
    if (line !== undefined) {
      const cell = h('th', { colspan: columns, scope: 'rowgroup' }, h('strong', {}, name), ' ', line);
      body.append(h('tr', { class: 'group' }, cell));
    }
    this.#table.append(body);
    const made = { body, line };
    this.#bodies.set(name, made);
    return made;
  }

  #sort(): void {
    this.#untilSort = SORT_EVERY;
    const { columns, groupOf } = this.#options;
    const by = columns[this.#sorted.column]?.sortBy;
    if (by === undefined) return;
    const sign = this.#sorted.isDown ? -1 : 1;
    const wanted = [...this.#rows.values()].toSorted((left, right) => sign * compared(by(left.row), by(right.row)));
    const before = new Map<HTMLElement, Element | null>();
    for (const { element, row } of wanted) {
      const { body, line } = this.#bodyOf(groupOf?.(row) ?? '');
      const last = before.get(body) ?? (line === undefined ? null : body.firstElementChild);
      const at = last === null ? body.firstElementChild : last.nextElementSibling;
      if (at !== element) body.insertBefore(element, at);
      before.set(body, element);
    }
  }

  #applyFilter(): void {
    const { isWell, idOf, groupOf } = this.#options;
    const wanted = this.#filter.text.trim().toLowerCase();
    let count = 0;
    for (const { element, row } of this.#rows.values()) {
      const text = `${idOf(row)} ${groupOf?.(row) ?? ''}`.toLowerCase();
      const isShown = text.includes(wanted) && !(this.#filter.onlyUnwell && isWell(row));
      if (element.hidden === isShown) element.hidden = !isShown;
      if (isShown) count++;
    }
    for (const { body } of this.#bodies.values()) {
      const rows = [...body.children].filter((row) => !row.classList.contains('group')) as HTMLElement[];
      const isEmpty = rows.every((row) => row.hidden);
      if (body.hidden !== isEmpty) body.hidden = isEmpty;
    }
    this.#empty.hidden = count > 0;
    const isFiltered = this.#rows.size > 0;
    setText(
      this.#empty,
      isFiltered ? (this.#filter.onlyUnwell ? 'All of them are well.' : 'None matches.') : this.#options.empty,
    );
  }
}

const classOf = (isNumber = false, isWide = false, room?: 'bar' | 'spark'): string | undefined =>
  [isNumber ? 'figure-cell' : '', isWide ? 'wide' : '', room === undefined ? '' : `${room}-cell`].join(' ').trim() ||
  undefined;

function compared(left: number | string, right: number | string): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return String(left).localeCompare(String(right), 'en', { numeric: true });
}
