import { type HistoryColumn, type HistoryView, type HostChange, historyColumns } from '../protocol/live-view.ts';
import { callApi } from './api.ts';
import { h, setAttribute } from './dom.ts';
import { pageTable } from './table-region.ts';
import { countText, dayText, minuteText, msText, rateText, partText, timeText } from './format.ts';
import { makePlot, type Plot, type ChartData, type ChartLine } from './plot.ts';
import { stateLooks } from './states.ts';

const RANGES = [
  { label: '15 min', seconds: 900, everyMs: 5000 },
  { label: '1 h', seconds: 3600, everyMs: 15_000 },
  { label: '6 h', seconds: 21_600, everyMs: 60_000 },
  { label: '24 h', seconds: 86_400, everyMs: 120_000 },
] as const;

interface ChartPlan {
  readonly title: string;
  readonly columns: readonly HistoryColumn[];
  readonly lines: readonly ChartLine[];
  readonly textOf: (value: number | null | undefined) => string;
  readonly atLeast: number;
}

const charts: readonly ChartPlan[] = [
  {
    title: 'Requests a second',
    columns: ['requestsPerSecond', 'refusedPerSecond', 'errorsPerSecond'],
    lines: [
      { label: 'answered', colour: '--accent', isFilled: true },
      { label: 'refused', colour: '--warning', dash: [6, 3] },
      { label: 'failed', colour: '--bad', dash: [2, 2], width: 2 },
    ],
    textOf: rateText,
    atLeast: 1,
  },
  {
    title: 'Answered within',
    columns: ['p99Ms', 'p95Ms', 'p50Ms'],
    lines: [
      { label: '99 %', colour: '--quiet', dash: [2, 3] },
      { label: '95 %', colour: '--accent', width: 2 },
      { label: '50 %', colour: '--quiet' },
    ],
    textOf: msText,
    atLeast: 10,
  },
  {
    title: 'In use',
    columns: ['permitUse', 'processorUse'],
    lines: [
      { label: 'permits', colour: '--accent', width: 2 },
      { label: 'processors', colour: '--warning', dash: [6, 3] },
    ],
    textOf: partText,
    atLeast: 1,
  },
];

const stateNames = ['well', 'degraded', 'overloaded', 'down'] as const;
const CHART_HEIGHT = 132;
const TABLE_ROWS = 24;
const MOST_CHANGES = 100;

const changeNames: Readonly<Record<HostChange['kind'], string>> = {
  configuration: 'Configuration',
  process: 'Process',
  backend: 'Backend',
  cap: 'Cap',
  cache: 'Cache',
  batch: 'Batch',
  lab: 'Lab',
  verdict: 'Verdict',
  alert: 'Alert',
};

/** What changed: the last hours as charts over one time axis, with a mark through all of them for each change. */
export class HistoryBlock {
  readonly element: HTMLElement;
  readonly #band = h('div', { class: 'band', role: 'img' });
  readonly #charts = h('div', { class: 'charts' });
  readonly #list = h('ol', { class: 'changes', tabindex: 0, 'aria-label': 'Changes, the last one first' });
  readonly #table = h('details', { class: 'as-table' }, h('summary', {}, 'The figures as a table'));
  readonly #buttons: HTMLElement[] = [];
  readonly #plots: Plot[] = [];
  #range: (typeof RANGES)[number] = RANGES[0];
  #history: HistoryView | undefined;
  #changes: readonly HostChange[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;
  #isAsking = false;

  constructor() {
    const ranges = h('div', { class: 'choice', role: 'group', 'aria-label': 'How far back' });
    for (const range of RANGES) {
      const button = h('button', { type: 'button', 'aria-pressed': String(range === this.#range) }, range.label);
      button.addEventListener('click', () => this.#choose(range));
      this.#buttons.push(button);
      ranges.append(button);
    }
    this.#table.addEventListener('toggle', () => this.#fillTable());
    this.element = h(
      'section',
      { class: 'history', 'aria-labelledby': 'history' },
      h('header', {}, h('h2', { id: 'history' }, 'What changed'), ranges),
      h('div', { class: 'history-body' }, h('div', {}, this.#band, this.#charts, this.#table), this.#list),
    );
    new ResizeObserver(() => this.#resize()).observe(this.#charts);
  }

  /** Asks for the figures again where they are old; called each second. */
  refresh(nowMs: number): void {
    if (this.#isAsking || nowMs - this.#askedAt < this.#range.everyMs) return;
    this.#askedAt = nowMs;
    void this.#ask();
  }

  addChanges(changes: readonly HostChange[]): void {
    this.#askedAt = Number.NEGATIVE_INFINITY;
    const known = this.#changes.filter(({ id }) => !changes.some((change) => change.id === id));
    this.#changes = [...known, ...changes].slice(-MOST_CHANGES);
    this.#showChanges();
    for (const plot of this.#plots) plot.setData(this.#dataOf(this.#plots.indexOf(plot)));
  }

  /** Another theme has other colours. */
  redraw(): void {
    for (const plot of this.#plots.splice(0)) plot.destroy();
    this.#charts.replaceChildren();
    if (this.#history !== undefined) this.#draw();
  }

  #choose(range: (typeof RANGES)[number]): void {
    this.#range = range;
    for (const [index, button] of this.#buttons.entries())
      setAttribute(button, 'aria-pressed', String(RANGES[index] === range));
    this.#askedAt = Number.NEGATIVE_INFINITY;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const { seconds } = this.#range;
    this.#isAsking = true;
    const { value, problem } = await callApi({ method: 'GET', path: `api/history?seconds=${seconds}&points=300` });
    this.#isAsking = false;
    if (problem !== undefined || seconds !== this.#range.seconds) return;
    this.#history = value as HistoryView;
    this.#changes = this.#history.changes.slice(-MOST_CHANGES);
    this.#showBand(this.#history);
    this.#showChanges();
    this.#draw();
    if (this.#table.open) this.#fillTable();
  }

  #draw(): void {
    if (this.#plots.length > 0) {
      for (const [index, plot] of this.#plots.entries()) plot.setData(this.#dataOf(index));
      return;
    }
    for (const [index, chart] of charts.entries()) {
      const target = h('div', {
        class: 'chart',
        role: 'img',
        'aria-label': `${chart.title}, as a chart; the figures are in the table below`,
      });
      this.#charts.append(h('h3', {}, chart.title), target);
      const size = { width: this.#charts.clientWidth, height: CHART_HEIGHT + (index === charts.length - 1 ? 20 : 0) };
      const marks = (): number[] => this.#marks();
      const timeOf = (time: number): string => this.#timeText(time * 1000);
      const hasTimes = index === charts.length - 1;
      this.#plots.push(makePlot(target, this.#dataOf(index), { ...chart, hasTimes, size, marks, timeOf }));
    }
  }

  #timeText(atMs: number): string {
    return this.#range.seconds > 900 ? minuteText(atMs) : timeText(atMs);
  }

  /** Verdicts are in the band already. */
  #marks(): number[] {
    return this.#changes.filter(({ kind }) => kind !== 'verdict').map(({ atMs }) => atMs / 1000);
  }

  #dataOf(index: number): ChartData {
    const history = this.#history;
    const columns = charts[index]?.columns ?? [];
    if (history === undefined) return [[], ...columns.map(() => [])];
    const length = history.columns[columns[0] ?? 'requestsPerSecond'].length;
    const times = Array.from({ length }, (_, at) => (history.fromMs + at * history.stepMs) / 1000);
    return [times, ...columns.map((column) => history.columns[column])];
  }

  #resize(): void {
    const width = this.#charts.clientWidth;
    for (const [index, plot] of this.#plots.entries())
      plot.setSize({ width, height: CHART_HEIGHT + (index === charts.length - 1 ? 20 : 0) });
  }

  /** The state over time, as one line of blocks. */
  #showBand({ columns: { state: states } }: HistoryView): void {
    const runs: { state: number | null; count: number }[] = [];
    for (const state of states) {
      const last = runs.at(-1);
      if (last?.state === state) last.count++;
      else runs.push({ state, count: 1 });
    }
    const blocks = runs.map(({ state, count }) => {
      const name = state === null ? 'no-news' : (stateNames[state] ?? 'no-news');
      const block = h('span', { 'data-state': name, title: stateLooks[name].word });
      block.style.flexGrow = String(count);
      return block;
    });
    this.#band.replaceChildren(...blocks);
    const total = states.length;
    const shares =
      runs.length === 0
        ? []
        : stateNames.map((name, index) => ({ name, share: states.filter((state) => state === index).length / total }));
    const text = shares
      .filter(({ share }) => share > 0)
      .map(({ name, share }) => `${stateLooks[name].word.toLowerCase()} ${partText(share)}`);
    this.#band.setAttribute('aria-label', `State over time: ${text.join(', ') || 'not known'}`);
  }

  #showChanges(): void {
    const shown = this.#changes
      .toReversed()
      .map(({ atMs, kind, text, who }) =>
        h(
          'li',
          { 'data-kind': kind },
          h('time', { datetime: new Date(atMs).toISOString(), title: dayText(atMs) }, timeText(atMs)),
          h('span', { class: 'kind' }, changeNames[kind]),
          h('span', {}, text),
          who !== null && who !== undefined && h('span', { class: 'who' }, who),
        ),
      );
    this.#list.replaceChildren(
      ...(shown.length > 0 ? shown : [h('li', { class: 'empty' }, 'Nothing changed since control was started.')]),
    );
  }

  #fillTable(): void {
    const history = this.#history;
    if (!this.#table.open || history === undefined) return;
    const columns = historyColumns.filter((column) => column !== 'state');
    const length = history.columns.requestsPerSecond.length;
    const step = Math.max(1, Math.ceil(length / TABLE_ROWS));
    const rows = Array.from({ length: Math.floor(length / step) }, (_, row) => length - 1 - row * step).map((at) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, this.#timeText(history.fromMs + at * history.stepMs)),
        ...columns.map((column) => h('td', { class: 'figure-cell' }, cellText(column, history.columns[column][at]))),
      ),
    );
    const heads = ['Time', ...columns.map((column) => columnNames[column])];
    this.#table.replaceChildren(
      h('summary', {}, 'The figures as a table'),
      pageTable({ label: 'Figures over time', heads, body: h('tbody', {}, ...rows) }),
    );
  }
}

const columnNames: Readonly<Record<HistoryColumn, string>> = {
  requestsPerSecond: 'Requests',
  p50Ms: 'p50',
  p95Ms: 'p95',
  p99Ms: 'p99',
  refusedPerSecond: 'Refused',
  errorsPerSecond: 'Failed',
  inFlight: 'In flight',
  queued: 'Waiting',
  permitUse: 'Permits',
  processorUse: 'Processors',
  state: 'State',
};

function cellText(column: HistoryColumn, value: number | null | undefined): string {
  if (column.endsWith('Ms')) return msText(value);
  if (column.endsWith('Use')) return partText(value);
  return column.endsWith('PerSecond') ? rateText(value) : countText(value);
}
