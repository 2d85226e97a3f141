import { h } from './dom.ts';

/** A place for a table, which scrolls sideways where the page is narrow, with the keyboard, too. */
export const tableRegion = (label: string, ...children: readonly HTMLElement[]): HTMLDivElement =>
  h('div', { class: 'table', role: 'region', tabindex: 0, 'aria-label': label }, ...children);

/** The head of the column of actions, which only a screen reader needs. */
export const actionsHead = (): HTMLElement =>
  h('th', { scope: 'col' }, h('span', { class: 'visually-hidden' }, 'Actions'));

export interface TableParts {
  readonly label: string;
  readonly heads: readonly string[];
  readonly body: HTMLTableSectionElement;
  readonly hasActions?: boolean;
}

/** A table with such columns in its place. */
export function pageTable({ label, heads, body, hasActions = false }: TableParts): HTMLDivElement {
  const columns = heads.map((head) => h('th', { scope: 'col' }, head));
  const row = h('tr', {}, ...columns, hasActions && actionsHead());
  return tableRegion(label, h('table', {}, h('thead', {}, row), body));
}
