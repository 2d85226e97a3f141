import type { ActionMenu } from './actions.ts';
import { callApi } from './api.ts';
import { stateMark } from './cells.ts';
import { h } from './dom.ts';
import { dayText } from './format.ts';

interface ConfigChangeView {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly class: 'live' | 'drains' | 'restart';
  readonly text: string;
}

interface VersionView {
  readonly version: number;
  readonly hash: string;
  readonly at: string;
  readonly who: string;
  readonly why: string;
  readonly changes: readonly ConfigChangeView[];
}

interface VersionsView {
  readonly in_force: number;
  readonly pinned: number | null;
  readonly versions: readonly VersionView[];
}

const signs = { added: '+', removed: '−', changed: '~' } as const;

/** The versions of the configuration, each with what it changed, and the way back to it. */
export class ConfigurationView {
  readonly element = h('section', { class: 'view', 'aria-labelledby': 'configuration' });
  readonly #menu: ActionMenu | undefined;

  constructor(menu: ActionMenu | undefined) {
    this.#menu = menu;
  }

  async open(): Promise<void> {
    const { value, problem } = await callApi({ method: 'GET', path: 'api/config/versions' });
    const heading = h('h1', { id: 'configuration' }, 'Configuration');
    if (problem !== undefined)
      return this.element.replaceChildren(heading, h('p', { class: 'problem' }, `Not known: ${problem}.`));
    const { in_force: inForce, pinned, versions } = value as VersionsView;
    const where =
      pinned === null
        ? 'It follows the configuration file.'
        : `Version ${pinned} was put back; the file counts again when it changes.`;
    return this.element.replaceChildren(
      h(
        'header',
        {},
        heading,
        h('a', { href: 'api/config', target: '_blank', rel: 'noopener' }, 'All settings as JSON'),
      ),
      h('p', { class: 'lead' }, `Version ${inForce} is in force. ${where}`),
      h('ol', { class: 'versions' }, ...versions.map((version) => this.#item(version, version.version === inForce))),
    );
  }

  #item({ version, hash, at, who, why, changes }: VersionView, isInForce: boolean): HTMLElement {
    const diff = changes.map(({ kind, class: effect, text }) =>
      h(
        'li',
        { 'data-kind': kind },
        h('span', { class: 'sign', 'aria-hidden': 'true' }, signs[kind]),
        h('span', {}, text),
        effect !== 'live' &&
          h('span', { class: 'who' }, effect === 'drains' ? 'what is in flight ends first' : 'needs a restart'),
      ),
    );
    const back = h('button', { type: 'button' }, 'Put back');
    back.addEventListener('click', () => this.#putBack(back, version));
    return h(
      'li',
      {},
      h(
        'div',
        { class: 'version-head' },
        h('strong', {}, `Version ${version}`),
        h('code', {}, hash.slice(0, 10)),
        isInForce && stateMark({ look: 'good', word: 'in force' }),
        !isInForce && this.#menu !== undefined && back,
      ),
      h('p', { class: 'who' }, `${dayText(Date.parse(at))} · ${who}${why === '' ? '' : ` · ${why}`}`),
      diff.length === 0
        ? h('p', { class: 'who' }, 'The first one that is known.')
        : h('ul', { class: 'diff' }, ...diff),
    );
  }

  #putBack(button: HTMLElement, version: number): void {
    this.#menu?.ask(button, `version ${version}`, {
      label: 'Put back',
      effect: `The configuration of version ${version} is in force on all workers, until the file changes. No request is cut off.`,
      text: { label: 'Why (for the others)', value: '' },
      call: ({ text }) => ({
        method: 'POST',
        path: 'api/config/rollback',
        body: { version, ...(text !== '' && { why: text }) },
      }),
      done: () => {
        void this.open();
        return `Version ${version} is in force again.`;
      },
    });
  }
}
