import type { HostChange, LiveView } from '../protocol/live-view.ts';
import type { ActionMenu } from './actions.ts';
import { ChainBlock } from './chain-block.ts';
import { h } from './dom.ts';
import { HistoryBlock } from './history-block.ts';
import { LiveTable, type RowFilter } from './live-table.ts';
import { NumbersBlock } from './numbers-block.ts';
import { backendActions, capAction, purgeAction } from './part-actions.ts';
import {
  backendColumns,
  type BackendRow,
  backendRows,
  endpointColumns,
  type EndpointRow,
  endpointRows,
  isBackendWell,
  isEndpointWell,
  processColumns,
  type ProcessRow,
  processRows,
  processState,
  upstreamLines,
} from './parts.ts';
import { RefusalsBlock } from './refusals-block.ts';
import { VerdictBlock } from './verdict-block.ts';
import type { Why } from './why.ts';

/** The five-second page: is it well, what limits it, what changed, what to do. */
export class Overview {
  readonly element: HTMLElement;
  readonly verdict = new VerdictBlock();
  readonly #numbers: NumbersBlock;
  readonly #chain: ChainBlock;
  readonly #history = new HistoryBlock();
  readonly #refusals = new RefusalsBlock();
  readonly #backends: LiveTable<BackendRow>;
  readonly #endpoints: LiveTable<EndpointRow>;
  readonly #processes: LiveTable<ProcessRow>;
  #view: LiveView | undefined;

  constructor(why: Why, menu: ActionMenu | undefined) {
    this.#numbers = new NumbersBlock(why);
    this.#chain = new ChainBlock(why);
    this.#backends = new LiveTable<BackendRow>({
      caption: 'Upstreams and their backends',
      columns: backendColumns,
      idOf: ({ upstream, name }) => `${name} of ${upstream}`,
      groupOf: ({ upstream }) => upstream,
      isWell: isBackendWell,
      onMenu: menu && ((row, button) => menu.open(button, row.name, this.#actionsOf(row))),
      empty: 'There is no upstream: see rampart.config.ts.',
    });
    this.#endpoints = new LiveTable<EndpointRow>({
      caption: 'Endpoints',
      sortedBy: 'Requests',
      columns: endpointColumns,
      idOf: ({ name }) => name,
      isWell: isEndpointWell,
      onMenu: menu && ((row, button) => menu.open(button, row.name, [purgeAction(row.name)])),
      empty: 'No request has come yet.',
    });
    this.#processes = new LiveTable<ProcessRow>({
      caption: 'Workers and other processes',
      columns: processColumns,
      idOf: ({ id }) => id,
      isWell: (row) => processState(row).look === 'good',
      empty: 'No process is connected to control.',
    });
    this.element = h(
      'main',
      {},
      this.verdict.element,
      this.#numbers.element,
      this.#chain.element,
      this.#refusals.element,
      this.#history.element,
      h('section', { class: 'parts', 'aria-labelledby': 'parts' }, this.#tools(), ...this.#tables()),
    );
  }

  show(view: LiveView, nowMs: number): void {
    this.#view = view;
    this.verdict.show(view);
    this.#numbers.show(view);
    this.#chain.show(view);
    this.#refusals.show(view);
    this.#backends.show(backendRows(view), upstreamLines(view));
    this.#endpoints.show(endpointRows(view));
    this.#processes.show(processRows(view));
    this.#history.refresh(nowMs);
  }

  addChanges(changes: readonly HostChange[]): void {
    this.#history.addChanges(changes);
  }

  redraw(): void {
    this.#history.redraw();
  }

  #actionsOf(row: BackendRow): ReturnType<typeof backendActions> {
    const cap = Object.keys(this.#view?.upstreams[row.upstream]?.backends ?? {}).length > 1 ? row.cap : undefined;
    const ofAll =
      cap === undefined
        ? []
        : [{ ...capAction(row.upstream, undefined, cap), label: `Change cap of all of ${row.upstream}` }];
    return [...backendActions(row), ...ofAll];
  }

  #tables(): HTMLElement[] {
    return [this.#backends.element, this.#endpoints.element, this.#processes.element];
  }

  #tools(): HTMLElement {
    const text = h('input', { type: 'search', placeholder: 'Filter by name', 'aria-label': 'Filter by name' });
    const unwell = h('input', { type: 'checkbox' });
    const apply = (): void => {
      const filter: RowFilter = { text: text.value, onlyUnwell: unwell.checked };
      for (const table of [this.#backends, this.#endpoints, this.#processes]) table.filter(filter);
    };
    text.addEventListener('input', apply);
    unwell.addEventListener('change', apply);
    return h(
      'header',
      {},
      h('h2', { id: 'parts' }, 'Parts'),
      h('div', { class: 'tools' }, text, h('label', {}, unwell, 'Only what is not well')),
    );
  }
}
