import type { LiveView, RefusedKeyView } from '../protocol/live-view.ts';
import { shownKeyName } from './cells.ts';
import { h, setText, setUse } from './dom.ts';
import { partText, rateText } from './format.ts';

/** A line whose refusals have ended stays for so long, so that it can be read. */
const KEPT_MS = 300_000;

interface Line {
  readonly element: HTMLElement;
  readonly rate: HTMLElement;
  readonly bar: HTMLElement;
  readonly detail: HTMLElement;
  seenAtMs: number;
}

interface LineFigures {
  readonly perSecond: number;
  readonly detail?: string;
}

/** A list of what is refused, each with its rate and a bar: its part of all that is refused. */
class RefusalList {
  readonly element = h('ul');
  readonly #lines = new Map<string, Line>();
  readonly #label: (id: string) => Node;

  constructor(label: (id: string) => Node) {
    this.#label = label;
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  show(figures: ReadonlyMap<string, LineFigures>, allPerSecond: number, atMs: number): void {
    for (const id of figures.keys()) (this.#lines.get(id) ?? this.#add(id)).seenAtMs = atMs;
    for (const [id, line] of this.#lines) {
      const { perSecond = 0, detail } = figures.get(id) ?? {};
      setText(line.rate, perSecond > 0 ? `${rateText(perSecond)} /s` : 'not now');
      setUse(line.bar, allPerSecond > 0 ? Math.min(1, perSecond / allPerSecond) : 0);
      if (detail !== undefined) setText(line.detail, detail);
      if (atMs - line.seenAtMs <= KEPT_MS) continue;
      line.element.remove();
      this.#lines.delete(id);
    }
  }

  #add(id: string): Line {
    const rate = h('span', { class: 'rate' });
    const bar = h('span', { class: 'bar', 'aria-hidden': 'true' });
    const detail = h('span', { class: 'detail' });
    const element = h('li', {}, h('span', { class: 'who' }, this.#label(id), detail), bar, rate);
    const line = { element, rate, bar, detail, seenAtMs: 0 };
    this.#lines.set(id, line);
    this.element.append(element);
    return line;
  }
}

const sumOf = ({ refusedBy }: RefusedKeyView): number => Object.values(refusedBy).reduce((sum, rate) => sum + rate, 0);
/** The reasons of a key, the most frequent first. */
const reasonsOf = ({ refusedBy }: RefusedKeyView): string =>
  ` ${Object.entries(refusedBy)
    .toSorted(([, one], [, other]) => other - one)
    .map(([reason]) => reason)
    .join(', ')}`;

/** The requests that were refused lately, by reason and by key: only there if there are any. */
export class RefusalsBlock {
  readonly element: HTMLElement;
  readonly #share = h('span', { class: 'since' });
  readonly #names = new Map<string, string>();
  readonly #reasons = new RefusalList((reason) =>
    h('a', { href: 'runbook#refusals', target: '_blank', rel: 'noopener' }, reason),
  );
  readonly #keys = new RefusalList((id) => shownKeyName(this.#names.get(id) ?? id));
  readonly #byKey: HTMLElement;

  constructor() {
    this.#byKey = h('div', {}, h('h2', { id: 'refused-keys' }, 'Refused, by key'), this.#keys.element);
    this.#byKey.hidden = true;
    this.element = h(
      'section',
      { class: 'refusals', 'aria-labelledby': 'refusals' },
      h('div', {}, h('h2', { id: 'refusals' }, 'Refused, by reason ', this.#share), this.#reasons.element),
      this.#byKey,
    );
    this.element.hidden = true;
  }

  show({ numbers: { refusedBy, refusedKeys, refusedPerSecond, requestsPerSecond }, atMs }: LiveView): void {
    const reasons = Object.entries(refusedBy).map(([reason, perSecond]) => [reason, { perSecond }] as const);
    this.#reasons.show(new Map(reasons), refusedPerSecond, atMs);
    for (const [id, { name }] of Object.entries(refusedKeys)) this.#names.set(id, name);
    const keys = Object.entries(refusedKeys).map(
      ([id, key]) => [id, { perSecond: sumOf(key), detail: reasonsOf(key) }] as const,
    );
    this.#keys.show(new Map(keys), refusedPerSecond, atMs);
    this.#byKey.hidden = this.#keys.isEmpty;
    const share = requestsPerSecond > 0 ? Math.min(1, refusedPerSecond / requestsPerSecond) : 0;
    setText(this.#share, refusedPerSecond > 0 ? `${partText(share)} of all requests` : '');
    this.element.hidden = this.#reasons.isEmpty && this.#keys.isEmpty;
  }
}
