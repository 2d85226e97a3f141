import type { HostChange, LiveView } from '../protocol/live-view.ts';
import { h, setAttribute, setText } from './dom.ts';
import { timeText } from './format.ts';

interface Shown {
  view(view: LiveView): void;
  changes(changes: readonly HostChange[]): void;
}

/** Holds the page still, so that people can read and point; what comes meanwhile is shown at the end. */
export class Pause {
  readonly button: HTMLButtonElement;
  readonly #page: HTMLElement;
  readonly #shown: Shown;
  #view: LiveView | undefined;
  #changes: HostChange[] = [];
  #isPaused = false;

  constructor(page: HTMLElement, shown: Shown) {
    this.#page = page;
    this.#shown = shown;
    this.button = h('button', { type: 'button', class: 'plain', click: () => this.#toggle() }, 'Pause');
  }

  take(view: LiveView): void {
    this.#view = view;
    if (!this.#isPaused) this.#shown.view(view);
  }

  takeChanges(changes: readonly HostChange[]): void {
    if (this.#isPaused) this.#changes.push(...changes);
    else this.#shown.changes(changes);
  }

  #toggle(): void {
    this.#isPaused = !this.#isPaused;
    setAttribute(this.#page, 'data-paused', this.#isPaused ? '' : undefined);
    const at = this.#view === undefined ? '' : ` (as of ${timeText(this.#view.atMs)})`;
    setText(this.button, this.#isPaused ? `Go on${at}` : 'Pause');
    if (this.#isPaused) return;
    if (this.#view !== undefined) this.#shown.view(this.#view);
    if (this.#changes.length > 0) this.#shown.changes(this.#changes.splice(0));
  }
}
