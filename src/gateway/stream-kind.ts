import type { Exchange } from './exchange.ts';

/** What the access log and the traces call an exchange that may last: a tunnel, or a reply without an end; else empty. */
export const streamKind = ({ tunnelled, isEndless }: Pick<Exchange, 'tunnelled' | 'isEndless'>): string =>
  tunnelled ? 'tunnel' : isEndless ? 'reply' : '';
