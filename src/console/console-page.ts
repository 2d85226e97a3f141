import type { Clock } from '../core/clock.ts';
import type { HostVerdictState, LiveView } from '../protocol/live-view.ts';
import { ActionMenu } from './actions.ts';
import { h, setAttribute, setText } from './dom.ts';
import { LiveStream } from './live.ts';
import { Overview } from './overview.ts';
import { Pause } from './pause.ts';
import { readSession, type SessionView, signOut } from './sign-in.ts';
import { stateLooks } from './states.ts';
import { themeButton } from './theme.ts';
import { Views } from './views.ts';
import { Why } from './why.ts';

/** The page of someone who may see it, until the session has ended. */
export class ConsolePage {
  readonly ended: Promise<void>;
  readonly #clock: Clock;
  readonly #place: HTMLElement;
  readonly #why = new Why();
  /** The state, for pages that do not show the verdict. */
  readonly #chip = h('a', { class: 'chip', href: '#overview' });
  readonly #version = h('span', { class: 'version' });
  readonly #overview: Overview;
  readonly #pause: Pause;
  readonly #views: Views;
  readonly #stream: LiveStream;
  readonly #end: () => void;

  constructor(clock: Clock, place: HTMLElement, session: SessionView) {
    this.#clock = clock;
    this.#place = place;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#end = resolve;
    const { role, sign_in_needed: needsToken } = session;
    const menu = role === 'admin' ? new ActionMenu(() => needsToken) : undefined;
    this.#overview = new Overview(this.#why, menu);
    this.#pause = new Pause(place, {
      view: (view) => this.#overview.show(view, clock.now()),
      changes: (changes) => this.#overview.addChanges(changes),
    });
    this.#views = new Views(this.#overview.element, menu, clock);
    const above = [this.#why.element, ...(menu === undefined ? [] : [menu.element])];
    place.replaceChildren(
      this.#header(session),
      this.#overview.element,
      this.#views.place,
      h('footer', {}, this.#version),
      ...above,
    );
    this.#stream = new LiveStream(clock, 'api/events', {
      view: (view) => this.#show(view),
      changes: (changes) => this.#pause.takeChanges(changes),
      silent: (sinceMs) => this.#showSilence(sinceMs),
      refused: () => this.#isStillAllowed(),
    });
  }

  #header({ role, sign_in_needed: needsToken }: SessionView): HTMLElement {
    const end = (): void => void signOut().then(() => this.#leave());
    const controls = h(
      'div',
      { class: 'controls' },
      role === 'reader' && h('span', { class: 'role' }, 'Read only'),
      this.#pause.button,
      themeButton(() => this.#overview.redraw()),
      needsToken && h('button', { type: 'button', class: 'plain', click: end }, 'Sign out'),
    );
    const brand = h('p', { class: 'brand' }, 'Rampart', h('span', { class: 'host' }, location.host), this.#chip);
    return h('header', { class: 'top' }, brand, this.#views.links, controls);
  }

  #show(view: LiveView): void {
    setAttribute(this.#place, 'data-silent', undefined);
    const { shape, word } = stateLooks[view.verdict.state];
    document.title = `${shape} ${word} – Rampart`;
    this.#showChip(view.verdict.state);
    setText(this.#version, `Rampart ${view.version} on Node ${view.node}, configuration ${view.config.version}`);
    this.#pause.take(view);
    this.#why.refresh();
  }

  #showSilence(sinceMs: number): void {
    setAttribute(this.#place, 'data-silent', '');
    document.title = `${stateLooks['no-news'].shape} No news – Rampart`;
    this.#showChip('no-news');
    this.#overview.verdict.showSilence(sinceMs, this.#clock.wallNow());
  }

  #showChip(state: HostVerdictState): void {
    const { shape, word } = stateLooks[state];
    setText(this.#chip, `${shape} ${word}`);
    setAttribute(this.#chip, 'data-state', state);
    this.#chip.hidden = !this.#overview.element.hidden;
  }

  /** Whether to connect again: not if the session has ended. */
  async #isStillAllowed(): Promise<boolean> {
    const now = await readSession();
    if (now === undefined || now.role !== null) return true;
    this.#leave();
    return false;
  }

  #leave(): void {
    this.#stream.stop();
    this.#views.stop();
    this.#end();
  }
}
