import type { NewsPosition } from '../../protocol/news-position.ts';

/** A message from one host to all hosts of a fleet, such as a purge. */
export interface FleetNews {
  /** Unique, so that news which is issued again is not issued twice. */
  readonly id: string;
  /** How a host reads `body`. A host ignores news of a kind that it does not know. */
  readonly kind: string;
  /** The name of the host that it comes from. */
  readonly host: string;
  readonly body: unknown;
}

export interface NumberedNews extends FleetNews {
  readonly number: number;
}

/** The news after a position, as far as the stream still has it. */
export interface NewsPage {
  readonly stream: string;
  /** The number of the last news that was issued. */
  readonly last: number;
  /** In ascending order; a page may end before the last news. */
  readonly news: readonly NumberedNews[];
}

/** `lost`: the host may have missed news, so nothing that it has stored may be trusted. */
export type NewsStep =
  | { readonly kind: 'news'; readonly news: readonly NumberedNews[]; readonly isMore: boolean }
  | { readonly kind: 'lost' };

interface Mark {
  readonly position: NewsPosition;
  readonly order: number;
}

/** How far one host is in the stream of its fleet. */
export class NewsProgress {
  #position: NewsPosition | undefined;
  /** Positions for which the workers have orders that they may not have carried out yet, oldest first. */
  #marks: readonly Mark[] = [];
  #acknowledged: NewsPosition | undefined;
  #order = 0;

  /** `saved`: a position up to which this host has carried out everything. */
  constructor(saved?: NewsPosition) {
    this.#position = saved;
    this.#acknowledged = saved;
  }

  get position(): NewsPosition | undefined {
    return this.#position;
  }

  /** Takes a page that was asked for after `position`. */
  take({ stream, last, news }: NewsPage): NewsStep {
    const before = this.#position;
    let number = before?.number ?? last;
    const known = before !== undefined && before.stream === stream && number <= last;
    const hasGap = news.some((one) => one.number !== ++number) || (news.length === 0 && number !== last);
    if (!known || hasGap) {
      this.#position = { stream, number: last };
      return { kind: 'lost' };
    }
    this.#position = { stream, number };
    return { kind: 'news', news, isMore: number < last };
  }

  /** Everything up to the present position was given to the workers, as orders up to this one. */
  ordered(order: number): void {
    const position = this.#position;
    if (position === undefined) return;
    this.#marks = [...this.#marks.filter((mark) => mark.order < order), { position, order }];
  }

  /** The position that the host may acknowledge when its workers have carried out the orders up to this one. */
  acknowledged(applied: number): NewsPosition | undefined {
    return this.#marks.findLast(({ order }) => order <= applied)?.position ?? this.#acknowledged;
  }

  /** The other hosts know this position, which makes earlier ones useless. Returns the order that belongs to it. */
  told(position: NewsPosition): number {
    const at = this.#marks.findIndex((mark) => mark.position === position);
    const order = this.#marks[at]?.order ?? this.#order;
    this.#acknowledged = position;
    this.#order = order;
    this.#marks = this.#marks.slice(at + 1);
    return order;
  }
}
