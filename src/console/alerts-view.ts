import type { ActionMenu } from './actions.ts';
import { type ApiReply, callApi } from './api.ts';
import { type PartState, stateMark } from './cells.ts';
import { h, setUse } from './dom.ts';
import { tableRegion } from './table-region.ts';
import { countText, dayText, partText } from './format.ts';

interface ObjectiveView {
  readonly endpoint: string;
  readonly promise: string;
  readonly events: { readonly bad: number; readonly total: number };
  readonly budgetLeft: number;
  readonly burnRates: Readonly<Record<string, number>>;
  readonly firing: 'page' | 'ticket' | null;
}

interface DegradationView {
  readonly kind: string;
  readonly subject: string;
  readonly limit: string;
  readonly measured: string;
  readonly sinceMs: number | null;
  readonly isFiring: boolean;
}

interface AlertView {
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly starts_at: string;
  readonly ends_at: string | null;
  readonly silenced: boolean;
}

interface SilenceView {
  readonly id: string;
  readonly matchers: readonly { readonly name: string; readonly value: string; readonly isEqual: boolean }[];
  readonly endsAt: string;
  readonly createdBy: string;
  readonly comment: string;
}

const HOUR_MS = 3_600_000;

/** What fires, what is silenced, and how fast the error budgets of the objectives are used up. */
export class AlertsView {
  readonly element = h('section', { class: 'view', 'aria-labelledby': 'alerts' });
  readonly #menu: ActionMenu | undefined;
  readonly #now: () => number;

  constructor(menu: ActionMenu | undefined, now: () => number) {
    this.#menu = menu;
    this.#now = now;
  }

  async open(): Promise<void> {
    const get = (path: string): Promise<ApiReply> => callApi({ method: 'GET', path });
    const [alerts, silences, slo] = await Promise.all([get('api/alerts'), get('api/silences'), get('api/slo')]);
    this.element.replaceChildren(
      h('header', {}, h('h1', { id: 'alerts' }, 'Alerts')),
      ...part(alerts, (value) => this.#alerts((value as { alerts: readonly AlertView[] }).alerts)),
      h('h2', {}, 'Silences'),
      ...part(silences, (value) => this.#silences((value as { silences: readonly SilenceView[] }).silences)),
      h('h2', {}, 'Objectives'),
      // 501: there is no SLO file, and the reply says how to have one.
      ...part(slo, (value) => objectives(value as SloView)),
    );
  }

  #alerts(alerts: readonly AlertView[]): (HTMLElement | false)[] {
    if (alerts.length === 0) return [h('p', { class: 'lead' }, 'Nothing fires.')];
    return [h('ul', { class: 'versions alerts' }, ...alerts.map((alert) => this.#alert(alert)))];
  }

  #alert({ labels, annotations, starts_at: start, ends_at: end, silenced }: AlertView): HTMLElement {
    const { alertname = '', severity = '', subject = '', cause = '' } = labels;
    const name = subject === '' ? alertname : `${alertname} ${subject}`;
    const silence = h('button', { type: 'button', 'aria-label': `Silence ${name}` }, 'Silence');
    silence.addEventListener('click', () => this.#silence(silence, name, labels));
    const word = end !== null ? 'ended' : silenced ? 'silenced' : severity;
    const look = end !== null || silenced ? 'quiet' : severity === 'page' ? 'bad' : 'warning';
    return h(
      'li',
      {},
      h(
        'div',
        { class: 'version-head' },
        h('strong', {}, name),
        state(look, word),
        this.#menu !== undefined && !silenced && end === null && silence,
      ),
      h('p', {}, annotations['summary'] ?? ''),
      h(
        'p',
        { class: 'who' },
        `since ${dayText(Date.parse(start))} · `,
        h('a', { href: `runbook#${cause}`, target: '_blank', rel: 'noopener' }, 'what to do'),
      ),
    );
  }

  #silence(button: HTMLElement, name: string, { alertname = '', subject = '' }: AlertView['labels']): void {
    const matchers = [
      { name: 'alertname', value: alertname },
      ...(subject === '' ? [] : [{ name: 'subject', value: subject }]),
    ];
    this.#menu?.ask(button, name, {
      label: 'Silence',
      effect: 'Nobody is told of it until then. It is still shown here, and in the verdict.',
      number: { label: 'Hours', value: 2, least: 1, most: 24 * 365 },
      text: { label: 'Why (for the others)', value: '' },
      call: ({ number, text }) => ({
        method: 'POST',
        path: 'api/silences',
        body: {
          matchers,
          endsAt: new Date(this.#now() + number * HOUR_MS).toISOString(),
          createdBy: 'console',
          ...(text !== '' && { comment: text }),
        },
      }),
      done: () => {
        void this.open();
        return `${name} is silenced.`;
      },
    });
  }

  #silences(silences: readonly SilenceView[]): HTMLElement[] {
    const open = silences.filter(({ endsAt }) => Date.parse(endsAt) > this.#now());
    if (open.length === 0) return [h('p', { class: 'lead' }, 'Nothing is silenced.')];
    return [h('ul', { class: 'versions alerts' }, ...open.map((silence) => this.#openSilence(silence)))];
  }

  #openSilence({ id, matchers, endsAt, createdBy, comment }: SilenceView): HTMLElement {
    const what = matchers.map(({ name, value, isEqual }) => `${name} ${isEqual ? '=' : '≠'} ${value}`).join(', ');
    const end = h('button', { type: 'button', 'aria-label': `End the silence of ${what}` }, 'End');
    end.addEventListener('click', () =>
      this.#menu?.ask(end, what, {
        label: 'End the silence',
        effect: 'What still fires is told from now on.',
        call: () => ({ method: 'DELETE', path: `api/silences/${id}` }),
        done: () => {
          void this.open();
          return 'The silence has ended.';
        },
      }),
    );
    return h(
      'li',
      {},
      h('div', { class: 'version-head' }, h('strong', {}, what), this.#menu !== undefined && end),
      h(
        'p',
        { class: 'who' },
        `until ${dayText(Date.parse(endsAt))} · ${createdBy}${comment === '' ? '' : ` · ${comment}`}`,
      ),
    );
  }
}

interface SloView {
  readonly objectives: readonly ObjectiveView[];
  readonly degradations: readonly DegradationView[];
}

/** The content of a reply, or why it is not known. */
function part(
  { value, problem }: ApiReply,
  show: (value: unknown) => (HTMLElement | false)[],
): (HTMLElement | string)[] {
  if (problem !== undefined) return [h('p', { class: 'lead' }, `Not known: ${problem}.`)];
  return show(value).filter((each) => each !== false);
}

const state = (look: PartState['look'], word: string): HTMLElement => stateMark({ look, word });

function objectives({ objectives: promised, degradations }: SloView): HTMLElement[] {
  const windows = Object.keys(promised[0]?.burnRates ?? {});
  const heads = ['Endpoint', 'Promise', 'Budget left', 'Bad of all', ...windows.map((name) => `Burn ${name}`), 'Alert'];
  return [
    table(
      'The objectives as a table',
      heads,
      promised.map((one) => objectiveRow(one, windows)),
    ),
    h('h2', {}, 'Degraded if'),
    table(
      'The limits as a table',
      ['Endpoint', 'Limit', 'The last 2 minutes', 'Alert'],
      degradations.map(({ kind, subject, limit, measured, sinceMs, isFiring }) => [
        kind === 'pool' ? `pools of ${subject}` : subject,
        limit,
        measured,
        isFiring
          ? state('warning', 'ticket')
          : sinceMs === null
            ? state('good', 'none')
            : state('warning', `above since ${dayText(sinceMs)}`),
      ]),
    ),
  ];
}

function objectiveRow(
  { endpoint, promise, events: { bad, total }, budgetLeft, burnRates, firing }: ObjectiveView,
  windows: readonly string[],
): (HTMLElement | string)[] {
  const bar = h('span', { class: 'bar', 'aria-hidden': 'true' });
  setUse(bar, Math.max(0, Math.min(1, budgetLeft)));
  const left = total === 0 ? 'no events' : partText(budgetLeft);
  return [
    endpoint,
    promise,
    h('span', { class: 'with-bar' }, left, total > 0 && bar),
    `${countText(Math.round(bad))} of ${countText(Math.round(total))}`,
    ...windows.map((name) => (burnRates[name] ?? 0).toFixed(1)),
    firing === null ? state('good', 'none') : state(firing === 'page' ? 'bad' : 'warning', firing),
  ];
}

const isFigure = (head: string): boolean => head === 'Bad of all' || head.startsWith('Burn ');

function table(
  label: string,
  heads: readonly string[],
  rows: readonly (readonly (HTMLElement | string)[])[],
): HTMLElement {
  const classes = heads.map((head) => (isFigure(head) ? 'figure-cell' : undefined));
  const cells = ([first = '', ...others]: readonly (HTMLElement | string)[]): HTMLElement[] => [
    h('th', { scope: 'row' }, first),
    ...others.map((cell, index) => h('td', { class: classes[index + 1] }, cell)),
  ];
  return tableRegion(
    label,
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h('tr', {}, ...heads.map((head, index) => h('th', { scope: 'col', class: classes[index] }, head))),
      ),
      h('tbody', {}, ...rows.map((row) => h('tr', {}, ...cells(row)))),
    ),
  );
}
