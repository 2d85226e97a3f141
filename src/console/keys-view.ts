import type { ActionMenu } from './actions.ts';
import { callApi } from './api.ts';
import { shownKeyName, stateMark } from './cells.ts';
import { h } from './dom.ts';
import { pageTable } from './table-region.ts';
import { countText, dayText } from './format.ts';

interface KeyView {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly created_at: string;
  readonly revoked_at: string | null;
  readonly expires_at: string | null;
  readonly scopes: readonly string[] | null;
  readonly limit: { readonly requests_per_second: number; readonly burst: number } | null;
  readonly priority: string | null;
}

const heads = ['Name', 'Key', 'State', 'Limit', 'May use', 'Made'];

/** The API keys of the host: made and revoked here, never shown again. */
export class KeysView {
  readonly element = h('section', { class: 'view', 'aria-labelledby': 'keys' });
  readonly #menu: ActionMenu | undefined;
  readonly #now: () => number;

  constructor(menu: ActionMenu | undefined, now: () => number) {
    this.#menu = menu;
    this.#now = now;
  }

  async open(): Promise<void> {
    const { value, problem } = await callApi({ method: 'GET', path: 'api/keys' });
    const make = h('button', { type: 'button', class: 'main' }, 'Make a key');
    make.addEventListener('click', () => this.#make(make));
    const header = h(
      'header',
      {},
      h('h1', { id: 'keys' }, 'API keys'),
      this.#menu !== undefined && problem === undefined && make,
    );
    if (problem !== undefined)
      return this.element.replaceChildren(header, h('p', { class: 'lead' }, `Not known: ${problem}.`));
    const { keys } = value as { keys: readonly KeyView[] };
    return this.element.replaceChildren(
      header,
      keys.length === 0
        ? h('p', { class: 'lead' }, 'There is no key yet.')
        : pageTable({
            label: 'The keys as a table',
            heads,
            body: h('tbody', {}, ...keys.map((key) => this.#row(key))),
            hasActions: this.#menu !== undefined,
          }),
    );
  }

  #row(key: KeyView): HTMLElement {
    const {
      id,
      name,
      prefix,
      created_at: made,
      revoked_at: revoked,
      expires_at: expires,
      scopes,
      limit,
      priority,
    } = key;
    const isExpired = expires !== null && Date.parse(expires) <= this.#now();
    const isOver = revoked !== null || isExpired;
    const word = revoked !== null ? 'revoked' : isExpired ? 'expired' : 'valid';
    const until = expires === null || isOver ? '' : ` until ${dayText(Date.parse(expires))}`;
    const revoke = h('button', { type: 'button', class: 'plain', 'aria-label': `Revoke ${name}` }, 'Revoke');
    revoke.addEventListener('click', () => this.#revoke(revoke, id, name));
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, shownKeyName(name)),
      h('td', {}, h('code', {}, `${prefix}…`)),
      h('td', {}, stateMark({ look: isOver ? 'quiet' : 'good', word: `${word}${until}` })),
      h(
        'td',
        {},
        [
          limit === null
            ? 'none of its own'
            : `${countText(limit.requests_per_second)} /s, burst ${countText(limit.burst)}`,
          ...(priority === null ? [] : [priority]),
        ].join(', '),
      ),
      h('td', {}, scopes === null ? 'everything' : scopes.join(', ')),
      h('td', {}, dayText(Date.parse(made))),
      this.#menu !== undefined && h('td', { class: 'actions' }, isOver ? '' : revoke),
    );
  }

  #make(button: HTMLElement): void {
    this.#menu?.ask(button, 'for a client', {
      label: 'Make a key',
      effect: 'It may use every endpoint and has no limit of its own; rampart keys create has more choices.',
      text: { label: 'Name', value: '' },
      call: ({ text }) => ({ method: 'POST', path: 'api/keys', body: { name: text } }),
      done: () => {
        void this.open();
        return 'The key is made.';
      },
      secretOf: (value) => {
        const key = typeof value === 'object' && value !== null ? Reflect.get(value, 'key') : undefined;
        return typeof key === 'string' ? key : undefined;
      },
    });
  }

  #revoke(button: HTMLElement, id: string, name: string): void {
    this.#menu?.ask(button, name, {
      label: 'Revoke',
      effect: 'Requests with this key get 401 from now on. It cannot be taken back.',
      call: () => ({ method: 'DELETE', path: `api/keys/${id}` }),
      done: () => {
        void this.open();
        return `${name} is revoked.`;
      },
    });
  }
}
