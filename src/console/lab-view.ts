import type { Clock } from '../core/clock.ts';
import type { ActionMenu } from './actions.ts';
import { callApi } from './api.ts';
import { stateMark } from './cells.ts';
import { h } from './dom.ts';
import { pageTable } from './table-region.ts';
import { dayText, spanText } from './format.ts';
import { RepeatedLook } from './repeated-look.ts';

interface RunView {
  readonly id: string;
  readonly experiment: string;
  readonly verdict: 'passed' | 'failed' | 'invalid';
  readonly startedAt: string;
  readonly seconds: number;
  readonly target?: string;
  readonly findings: readonly string[];
}

interface ProgressView {
  readonly order: { readonly from: number; readonly to: number };
  readonly started_at: string;
  readonly exit_code: number | null;
  readonly is_over: boolean;
  readonly lines: readonly string[];
}

interface RunsView {
  readonly started_here: ProgressView | null;
  readonly runs: readonly RunView[];
}

const RUN_INTERVAL_MS = 2000;
const verdictLooks = {
  passed: { look: 'good', shape: '●' },
  failed: { look: 'bad', shape: '✖' },
  invalid: { look: 'quiet', shape: '◌' },
} as const;
const runHeads = ['Run', 'Verdict', 'Took', 'What it found', 'Report'];

/** The runs of the lab with their reports; a ramp against this host can be started, watched and cancelled. */
export class LabView {
  readonly element = h('section', { class: 'view', 'aria-labelledby': 'lab' });
  readonly #menu: ActionMenu | undefined;
  readonly #clock: Clock;
  readonly #progress = h('div', { 'aria-live': 'off' });
  readonly #list = h('div');
  readonly #start = h('button', { type: 'button', class: 'main' }, 'Start a ramp');
  readonly #looks: RepeatedLook;
  #shown = '';

  constructor(menu: ActionMenu | undefined, clock: Clock) {
    this.#menu = menu;
    this.#clock = clock;
    this.#looks = new RepeatedLook(this.element, clock);
    this.#start.addEventListener('click', () => this.#ask());
    this.element.append(
      h('header', {}, h('h1', { id: 'lab' }, 'Lab'), menu !== undefined && this.#start),
      this.#progress,
      this.#list,
    );
  }

  /** Shows the runs, again and again while one is under way. */
  async open(): Promise<void> {
    const isLatest = this.#looks.begin();
    const { value, problem } = await callApi({ method: 'GET', path: 'api/runs' });
    if (!isLatest()) return;
    if (problem !== undefined) {
      this.#list.replaceChildren(h('p', { class: 'lead' }, `Not known: ${problem}.`));
      return this.#looks.again(RUN_INTERVAL_MS, () => this.open());
    }
    const { started_here: started, runs } = value as RunsView;
    this.#start.disabled = started?.is_over === false;
    this.#showProgress(started);
    this.#showRuns(runs);
    if (started?.is_over === false) this.#looks.again(RUN_INTERVAL_MS, () => this.open());
  }

  #showProgress(started: ProgressView | null): void {
    this.#progress.hidden = started === null;
    if (started === null) return;
    const { order, is_over: isOver, lines, started_at: startedAt, exit_code: code } = started;
    const since = spanText(this.#clock.wallNow() - Date.parse(startedAt));
    const words = isOver
      ? `The ramp from ${order.from} to ${order.to} requests a second has ended${code === null ? ': it was cancelled' : ''}.`
      : `A ramp from ${order.from} to ${order.to} requests a second is under way, since ${since}.`;
    const cancel = h('button', { type: 'button' }, 'Cancel');
    cancel.addEventListener('click', () => this.#cancel(cancel));
    const text = `${words}${lines.join('')}`;
    if (text === this.#shown) return;
    this.#shown = text;
    this.#progress.replaceChildren(
      h('div', { class: 'run' }, h('p', {}, words), !isOver && this.#menu !== undefined && cancel),
      h('pre', { tabindex: 0, 'aria-label': 'What the lab says' }, lines.join('\n') || 'It starts.'),
    );
  }

  #showRuns(runs: readonly RunView[]): void {
    if (runs.length === 0)
      return this.#list.replaceChildren(
        h(
          'p',
          { class: 'lead' },
          'There is no run yet. A ramp loads this host step by step and shows what it carries.',
        ),
      );
    const body = h('tbody', {}, ...runs.map(rowOf));
    return this.#list.replaceChildren(pageTable({ label: 'Runs of the lab', heads: runHeads, body }));
  }

  #ask(): void {
    this.#menu?.ask(this.#start, 'against this host', {
      label: 'Start a ramp',
      effect:
        'Creates barcodes here at growing rates, five seconds each from 50 requests a second on, until a fifth fails. Others who use this host will notice. rampart lab ramp has more choices.',
      number: { label: 'Up to, in requests a second', value: 300, least: 50, most: 5000 },
      call: ({ number }) => ({
        method: 'POST',
        path: 'api/runs',
        body: { from: Math.min(50, number), to: number, by: 50, hold: 5 },
      }),
      done: () => {
        void this.open();
        return 'The ramp has begun.';
      },
    });
  }

  #cancel(button: HTMLElement): void {
    this.#menu?.ask(button, 'the ramp', {
      label: 'Cancel',
      effect: 'The load ends at once, and there is no report.',
      call: () => ({ method: 'DELETE', path: 'api/runs' }),
      done: () => {
        void this.open();
        return 'The ramp is being cancelled.';
      },
    });
  }
}

function rowOf({ id, experiment, verdict, startedAt, seconds, findings }: RunView): HTMLElement {
  const { look, shape } = verdictLooks[verdict];
  const state = stateMark({ look, word: verdict }, shape);
  const report = h(
    'a',
    { href: `api/runs/${id}/report`, target: '_blank', rel: 'noopener', 'aria-label': `Report of ${id}` },
    'Report',
  );
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, `${experiment}, ${dayText(Date.parse(startedAt))}`),
    h('td', {}, state),
    h('td', {}, spanText(seconds * 1000)),
    h('td', { class: 'finding' }, findings[0] ?? '–'),
    h('td', {}, report),
  );
}
