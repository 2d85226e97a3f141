import type { ChainLink, LiveView } from '../protocol/live-view.ts';
import { h, setAttribute, setText, setUse } from './dom.ts';
import { partText } from './format.ts';
import type { Why } from './why.ts';

type ShowLink = (link: ChainLink, isWell: boolean) => void;

/** From this use on, a link is what limits a host that is not well. */
export const LIMITING_USE = 0.9;

const meanings: Readonly<Record<ChainLink['name'], { readonly what: string; readonly metric: string }>> = {
  clients: { what: 'Connections of clients, of those that are allowed', metric: 'rampart_connections' },
  queue: { what: 'Requests that wait for a permit, of those that may wait', metric: 'rampart_queue_depth' },
  permits: {
    what: 'Permits in use, of the caps of all backends that are up',
    metric: 'rampart_backend_leased, rampart_backend_cap',
  },
  backends: {
    what: 'Backends that take no request, of all backends',
    metric: 'rampart_backend_up, rampart_backend_in_flight',
  },
  processors: { what: 'Processor time of the machine that is used', metric: 'process_cpu_seconds_total' },
  database: {
    what: 'Connections to PostgreSQL in use, of the pools of all workers',
    metric: 'rampart_db_pool_connections',
  },
};

/** The way of a request as a row of bars: the fullest one is what limits the host. */
export class ChainBlock {
  readonly element: HTMLElement;
  readonly #list = h('ol', { class: 'chain' });
  readonly #links = new Map<string, ShowLink>();
  readonly #why: Why;

  constructor(why: Why) {
    this.#why = why;
    this.element = h(
      'section',
      { class: 'limits', 'aria-labelledby': 'limits' },
      h('h2', { id: 'limits' }, 'What limits it'),
      this.#list,
    );
  }

  show({ chain, verdict }: LiveView): void {
    for (const link of chain) {
      const show = this.#links.get(link.name) ?? this.#add(link.name);
      show(link, verdict.state === 'well');
    }
  }

  #add(name: ChainLink['name']): ShowLink {
    const use = h('span', { class: 'use' });
    const bar = h('span', { class: 'bar' });
    const text = h('span', { class: 'text' });
    const flag = h('span', { class: 'flag' });
    const item = h('li', {}, h('span', { class: 'name' }, name), use, bar, text, flag);
    let exact = '';
    this.#why.explain(item, () => ({ ...meanings[name], exact }));
    this.#list.append(item);
    const show: ShowLink = (link, isWell) => {
      const isLimiting = (link.use ?? 0) >= LIMITING_USE;
      setText(use, partText(link.use));
      setUse(bar, link.use ?? undefined);
      setText(text, link.text);
      setText(flag, isLimiting ? (isWell ? '▲ nearly full' : '■ limits') : '');
      setAttribute(item, 'data-limits', isLimiting ? '' : undefined);
      setAttribute(item, 'data-unknown', typeof link.use === 'number' ? undefined : '');
      exact =
        typeof link.use === 'number' ? `${(link.use * 100).toFixed(1)} %: ${link.text}` : 'not known, or there is none';
    };
    this.#links.set(name, show);
    return show;
  }
}
