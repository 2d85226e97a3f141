import type { HostVerdictState, LiveView, VerdictFinding } from '../protocol/live-view.ts';
import { h, setAttribute, setText } from './dom.ts';
import { dayText, spanText, timeText } from './format.ts';
import { stateLooks } from './states.ts';

const DAY_MS = 86_400_000;

/** A sentence with its capital and its full stop; a name at its beginning, such as createBarcode or gateway-1, stays as it is. */
export function sentence(text: string): string {
  if (text === '') return '';
  const start = /^[a-z]+(?![\w-])/.test(text) ? text.charAt(0).toUpperCase() : text.charAt(0);
  return `${start}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** The first thing that people read: the state of the host in words, since when, why, and what to do. */
export class VerdictBlock {
  readonly element: HTMLElement;
  readonly #shape = h('span', { class: 'shape', 'aria-hidden': 'true' });
  readonly #word = h('span', { class: 'word' });
  readonly #since = h('span', { class: 'since' });
  readonly #cause = h('p', { class: 'cause' });
  readonly #next = h('p', { class: 'next' });
  readonly #nextText = h('span');
  readonly #link = h('a', { target: '_blank', rel: 'noopener' }, 'Runbook');
  readonly #others = h('ul', { class: 'others' });
  /** Read aloud only when the state changes: a sentence each second would be unbearable. */
  readonly #spoken = h('p', { class: 'visually-hidden', role: 'status' });
  #state: HostVerdictState | undefined;
  #othersKey = '';
  /** Of the last view, by the clock of control. */
  #asOfMs: number | undefined;

  constructor() {
    this.#next.append(h('span', { class: 'label' }, 'Next'), ' ', this.#nextText, ' ', this.#link);
    this.element = h(
      'section',
      { class: 'verdict', 'aria-label': 'Verdict', 'data-state': 'waiting' },
      h('h1', {}, this.#shape, ' ', this.#word, ' ', this.#since),
      this.#cause,
      this.#next,
      this.#others,
      this.#spoken,
    );
    setText(this.#word, 'Connecting');
    setText(this.#shape, stateLooks['no-news'].shape);
    setText(this.#cause, 'The first figures are on their way.');
    this.#next.hidden = true;
  }

  show({ verdict, atMs }: LiveView): void {
    this.#asOfMs = atMs;
    this.#use(verdict, `since ${sinceText(verdict.sinceMs, atMs)}`);
    this.#showOthers(verdict.others);
  }

  /** Control sends nothing. */
  showSilence(sinceMs: number, nowMs: number): void {
    const asOfMs = this.#asOfMs ?? sinceMs;
    const cause = `Control has sent nothing for ${spanText(nowMs - sinceMs)}; everything below is as of ${timeText(asOfMs)}`;
    const next = 'look whether control runs (rampart status); this page connects again by itself';
    this.#use({ state: 'no-news', causeId: 'no-news', cause, next }, `since ${timeText(asOfMs)}`);
    this.#showOthers([]);
  }

  #use(finding: VerdictFinding, since: string): void {
    const { state, causeId, cause, next } = finding;
    const { shape, word } = stateLooks[state];
    setAttribute(this.element, 'data-state', state);
    setText(this.#shape, shape);
    setText(this.#word, word);
    setText(this.#since, since);
    setText(this.#cause, sentence(cause));
    setText(this.#nextText, sentence(next));
    setAttribute(this.#link, 'href', `runbook#${causeId}`);
    this.#next.hidden = next === '' || causeId === 'none';
    // Control, which serves the runbook, does not answer.
    this.#link.hidden = state === 'no-news';
    if (this.#state !== state)
      setText(this.#spoken, `${word}. ${sentence(cause)} ${causeId === 'none' ? '' : sentence(next)}`);
    this.#state = state;
  }

  #showOthers(others: readonly VerdictFinding[]): void {
    const key = JSON.stringify(others);
    if (key === this.#othersKey) return;
    this.#othersKey = key;
    this.#others.replaceChildren(
      ...others.map(({ state, causeId, cause }) =>
        h(
          'li',
          { 'data-state': state },
          h('span', { class: 'shape', 'aria-hidden': 'true' }, stateLooks[state].shape),
          h('span', { class: 'visually-hidden' }, `${stateLooks[state].word}: `),
          h('a', { href: `runbook#${causeId}`, target: '_blank', rel: 'noopener' }, sentence(cause)),
        ),
      ),
    );
    this.#others.hidden = others.length === 0;
  }
}

const sinceText = (sinceMs: number, nowMs: number): string =>
  `${nowMs - sinceMs > DAY_MS ? dayText(sinceMs) : timeText(sinceMs)}, ${spanText(nowMs - sinceMs)}`;
