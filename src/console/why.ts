import { h, newId } from './dom.ts';

/** Why a number is what it is: its metric, its window, its exact value. */
export interface NumberNote {
  readonly what: string;
  readonly metric: string;
  readonly exact: string;
}

/** One popover for all numbers: by hovering, or by the keyboard with focus and Enter; Escape closes it. */
export class Why {
  readonly element = h('div', { class: 'why', role: 'tooltip', id: newId(), hidden: true });
  #owner: HTMLElement | undefined;
  #reason: (() => NumberNote) | undefined;

  constructor() {
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#close();
    });
  }

  /** A number that answers why. */
  explain(owner: HTMLElement, reason: () => NumberNote): void {
    owner.tabIndex = 0;
    owner.setAttribute('aria-describedby', this.element.id);
    const open = (): void => this.#open(owner, reason);
    owner.addEventListener('mouseenter', open);
    owner.addEventListener('focus', open);
    owner.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') open();
    });
    for (const name of ['mouseleave', 'blur']) owner.addEventListener(name, () => this.#close());
  }

  /** The exact value moves on while one looks at it. */
  refresh(): void {
    if (this.#reason !== undefined) this.#fill(this.#reason());
  }

  #open(owner: HTMLElement, reason: () => NumberNote): void {
    this.#owner = owner;
    this.#reason = reason;
    this.#fill(reason());
    this.element.hidden = false;
    const box = owner.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - width - 8));
    const below = box.bottom + 8;
    const top = below + height > document.documentElement.clientHeight ? box.top - height - 8 : below;
    this.element.style.left = `${left}px`;
    this.element.style.top = `${Math.max(8, top)}px`;
  }

  #fill({ what, metric, exact }: NumberNote): void {
    this.element.replaceChildren(h('p', {}, what), h('code', {}, metric), h('p', { class: 'exact' }, exact));
  }

  #close(): void {
    if (this.#owner === undefined) return;
    this.element.hidden = true;
    this.#owner = undefined;
    this.#reason = undefined;
  }
}
