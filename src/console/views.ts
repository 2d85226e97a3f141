import type { ActionMenu } from './actions.ts';
import { AlertsView } from './alerts-view.ts';
import { BatchesView } from './batches-view.ts';
import { ConfigurationView } from './configuration-view.ts';
import { h, setAttribute } from './dom.ts';
import { KeysView } from './keys-view.ts';
import { LabView } from './lab-view.ts';
import type { Clock } from '../core/clock.ts';

/** A page beside the overview. */
interface OpenedView {
  readonly element: HTMLElement;
  open(): Promise<void>;
}

type MakeView = (menu: ActionMenu | undefined, clock: Clock) => OpenedView;

const makers: Readonly<Record<string, MakeView>> = {
  alerts: (menu, clock) => new AlertsView(menu, () => clock.wallNow()),
  configuration: (menu) => new ConfigurationView(menu),
  batches: (menu, clock) => new BatchesView(menu, clock),
  keys: (menu, clock) => new KeysView(menu, () => clock.wallNow()),
  lab: (menu, clock) => new LabView(menu, clock),
};

/** The pages by the fragment of the address; each asks for its content whenever it is opened. */
export class Views {
  readonly links: HTMLElement;
  readonly place = h('main', { id: 'view' });
  readonly #overview: HTMLElement;
  readonly #made = new Map<string, OpenedView>();
  readonly #menu: ActionMenu | undefined;
  readonly #clock: Clock;
  readonly #onChange = (): void => void this.#show();

  constructor(overview: HTMLElement, menu: ActionMenu | undefined, clock: Clock) {
    this.#overview = overview;
    this.#menu = menu;
    this.#clock = clock;
    const names = ['overview', ...Object.keys(makers)];
    const links = names.map((name) => h('a', { href: `#${name}` }, `${name.charAt(0).toUpperCase()}${name.slice(1)}`));
    this.links = h('nav', { class: 'views', 'aria-label': 'Pages' }, ...links);
    addEventListener('hashchange', this.#onChange);
    void this.#show();
  }

  stop(): void {
    removeEventListener('hashchange', this.#onChange);
  }

  async #show(): Promise<void> {
    const name = location.hash.slice(1);
    const maker = Object.hasOwn(makers, name) ? makers[name] : undefined;
    for (const link of this.links.children)
      setAttribute(
        link,
        'aria-current',
        link.getAttribute('href') === `#${maker === undefined ? 'overview' : name}` ? 'page' : undefined,
      );
    this.#overview.hidden = maker !== undefined;
    this.place.hidden = maker === undefined;
    // A page that is not shown is taken out, so that it asks for nothing any more.
    if (maker === undefined) return this.place.replaceChildren();
    const made = this.#made.get(name) ?? maker(this.#menu, this.#clock);
    this.#made.set(name, made);
    this.place.replaceChildren(made.element);
    await made.open();
  }
}
