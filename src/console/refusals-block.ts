import type { LiveView } from '../protocol/live-view.ts';
import { h, setText, setUse } from './dom.ts';
import { rateText, partText } from './format.ts';

/** A reason that has ended stays for so long, so that it can be read. */
const KEPT_MS = 300_000;

interface ShownReason {
  readonly element: HTMLElement;
  readonly rate: HTMLElement;
  readonly bar: HTMLElement;
  seenAtMs: number;
}

/** The requests that were refused lately, by reason: only there if there are any. */
export class RefusalsBlock {
  readonly element: HTMLElement;
  readonly #list = h('ul');
  readonly #share = h('span', { class: 'since' });
  readonly #reasons = new Map<string, ShownReason>();

  constructor() {
    this.element = h(
      'section',
      { class: 'refusals', 'aria-labelledby': 'refusals' },
      h('h2', { id: 'refusals' }, 'Refused, by reason ', this.#share),
      this.#list,
    );
    this.element.hidden = true;
  }

  show({ numbers: { refusedBy, refusedPerSecond, requestsPerSecond }, atMs }: LiveView): void {
    for (const reason of Object.keys(refusedBy)) (this.#reasons.get(reason) ?? this.#add(reason)).seenAtMs = atMs;
    for (const [reason, shown] of this.#reasons) {
      const rate = refusedBy[reason] ?? 0;
      setText(shown.rate, rate > 0 ? `${rateText(rate)} /s` : 'not now');
      setUse(shown.bar, refusedPerSecond > 0 ? rate / refusedPerSecond : 0);
      if (atMs - shown.seenAtMs <= KEPT_MS) continue;
      shown.element.remove();
      this.#reasons.delete(reason);
    }
    const share = requestsPerSecond > 0 ? Math.min(1, refusedPerSecond / requestsPerSecond) : 0;
    setText(this.#share, refusedPerSecond > 0 ? `${partText(share)} of all requests` : '');
    this.element.hidden = this.#reasons.size === 0;
  }

  #add(reason: string): ShownReason {
    const rate = h('span', { class: 'rate' });
    const bar = h('span', { class: 'bar', 'aria-hidden': 'true' });
    const element = h(
      'li',
      {},
      h('a', { href: 'runbook#refusals', target: '_blank', rel: 'noopener' }, reason),
      bar,
      rate,
    );
    const shown = { element, rate, bar, seenAtMs: 0 };
    this.#reasons.set(reason, shown);
    this.#list.append(element);
    return shown;
  }
}
