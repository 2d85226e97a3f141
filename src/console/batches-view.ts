import type { Clock } from '../core/clock.ts';
import type { ActionMenu } from './actions.ts';
import { callApi } from './api.ts';
import { barCell, type Cell, shownKeyName, type PartState, stateCell, textCell } from './cells.ts';
import { h } from './dom.ts';
import { pageTable } from './table-region.ts';
import { countText, dayText, rateText, spanText, UNKNOWN } from './format.ts';
import { RepeatedLook } from './repeated-look.ts';

interface BatchView {
  readonly id: string;
  readonly key: { readonly name: string; readonly prefix: string };
  readonly status: 'queued' | 'running' | 'completed' | 'cancelled';
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly items_per_second: number | null;
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly expected_end: string | null;
}

interface BatchList {
  readonly batches: readonly BatchView[];
  readonly has_more: boolean;
}

interface ShownBatch {
  readonly element: HTMLElement;
  readonly cells: readonly Cell<BatchView>[];
  readonly cancel: HTMLElement;
}

/** The list is read this often while a batch has not ended or the list is not known, and otherwise for new ones. */
const LOOK_MS = 2000;
const QUIET_LOOK_MS = 10_000;

const isOpen = ({ status }: BatchView): boolean => status === 'queued' || status === 'running';

function stateOf({ status, failed }: BatchView): PartState {
  const word = failed > 0 ? `${status}, ${countText(failed)} failed` : status;
  if (status === 'completed') return { look: failed > 0 ? 'warning' : 'good', word };
  return { look: status === 'running' ? 'good' : 'quiet', word };
}

function endText({ finished_at: finished, expected_end: expected }: BatchView, nowMs: number): string {
  if (finished !== null) return dayText(Date.parse(finished));
  return expected === null ? UNKNOWN : `in about ${spanText(Math.max(0, Date.parse(expected) - nowMs))}`;
}

/** The batches of all keys with their progress. A batch that has not ended can be cancelled. */
export class BatchesView {
  readonly element = h('section', { class: 'view', 'aria-labelledby': 'batches' });
  readonly #menu: ActionMenu | undefined;
  readonly #clock: Clock;
  readonly #lead = h('p', { class: 'lead' });
  readonly #body = h('tbody');
  readonly #table: HTMLElement;
  readonly #shown = new Map<string, ShownBatch>();
  readonly #looks: RepeatedLook;

  constructor(menu: ActionMenu | undefined, clock: Clock) {
    this.#menu = menu;
    this.#clock = clock;
    this.#looks = new RepeatedLook(this.element, clock);
    const heads = ['Batch', 'Key', 'State', 'Items', 'Items /s', 'Made', 'Ends'];
    const hasActions = menu !== undefined;
    this.#table = pageTable({ label: 'The batches as a table', heads, body: this.#body, hasActions });
    this.element.append(h('header', {}, h('h1', { id: 'batches' }, 'Batches')), this.#lead, this.#table);
  }

  /** Shows the batches, and reads them again and again. */
  async open(): Promise<void> {
    const isLatest = this.#looks.begin();
    const { value, problem } = await callApi({ method: 'GET', path: 'api/batches' });
    if (!isLatest()) return;
    const { batches, has_more: hasMore } =
      problem === undefined ? (value as BatchList) : { batches: [], has_more: false };
    this.#table.hidden = batches.length === 0;
    this.#lead.hidden = batches.length > 0 && !hasMore;
    const words = hasMore
      ? `These ${batches.length} are not all. Each key lists its own with GET /v1/batches.`
      : 'There is no batch yet.';
    this.#lead.textContent = problem === undefined ? words : `Not known: ${problem}.`;
    this.#show(batches);
    const isQuiet = problem === undefined && !batches.some(isOpen);
    this.#looks.again(isQuiet ? QUIET_LOOK_MS : LOOK_MS, () => this.open());
  }

  #show(batches: readonly BatchView[]): void {
    for (const [id, { element }] of this.#shown) {
      if (batches.some((batch) => batch.id === id)) continue;
      element.remove();
      this.#shown.delete(id);
    }
    for (const [index, batch] of batches.entries()) {
      const shown = this.#shown.get(batch.id) ?? this.#add(batch);
      for (const cell of shown.cells) cell.show(batch);
      shown.cancel.hidden = !isOpen(batch);
      // A row that is moved loses the focus of its button, so a row is moved only if it must.
      const present = this.#body.children[index];
      if (present !== shown.element) this.#body.insertBefore(shown.element, present ?? null);
    }
  }

  #add(batch: BatchView): ShownBatch {
    const { id, key } = batch;
    const cells = [
      stateCell(stateOf),
      barCell(
        (row: BatchView) => (row.total === 0 ? undefined : (row.done + row.failed) / row.total),
        (row) => `${countText(row.done + row.failed)} of ${countText(row.total)}`,
      ),
      textCell((row: BatchView) => rateText(row.items_per_second)),
      textCell((row: BatchView) => dayText(Date.parse(row.created_at))),
      textCell((row: BatchView) => endText(row, this.#clock.wallNow())),
    ].map((make) => make());
    const cancel = h('button', { type: 'button', class: 'plain', 'aria-label': `Cancel batch ${id}` }, 'Cancel');
    cancel.addEventListener('click', () => this.#cancel(cancel, batch));
    const element = h(
      'tr',
      {},
      h('th', { scope: 'row' }, h('code', { title: id }, `…${id.slice(-12)}`)),
      h('td', {}, shownKeyName(key.name), ' ', h('code', {}, `${key.prefix}…`)),
      ...cells.map(({ content }) => h('td', {}, content)),
      this.#menu !== undefined && h('td', { class: 'actions' }, cancel),
    );
    const shown = { element, cells, cancel };
    this.#shown.set(id, shown);
    return shown;
  }

  #cancel(button: HTMLElement, { id, key }: BatchView): void {
    this.#menu?.ask(button, `batch …${id.slice(-12)} of ${key.name}`, {
      label: 'Cancel',
      effect: 'No further item is begun. Items that are done keep their results. A cancelled batch cannot be resumed.',
      call: () => ({ method: 'POST', path: `api/batches/${id}/cancel` }),
      done: (value) => {
        void this.open();
        // It may have ended between the last look and the click.
        const { status } = value as Pick<BatchView, 'status'>;
        return status === 'cancelled' ? 'The batch is cancelled.' : `The batch had ended already: ${status}.`;
      },
    });
  }
}
