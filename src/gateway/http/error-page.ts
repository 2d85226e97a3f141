import type { ErrorPages, StaticBody } from '../../config/model.ts';
import type { Exchange } from '../exchange.ts';
import { valueAt } from './request-head.ts';

/**
 * The page for a refusal with this status, if there is one and the client prefers its kind to a problem reply. Those of
 * the route count before the others, and a status before its class.
 */
export function errorPage(
  status: number,
  x: Pick<Exchange, 'errorPages' | 'head'>,
  others: ErrorPages | undefined,
): StaticBody | undefined {
  if (x.errorPages === undefined && others === undefined) return undefined;
  const group = `${Math.trunc(status / 100)}xx`;
  const page = x.errorPages?.[status] ?? x.errorPages?.[group] ?? others?.[status] ?? others?.[group];
  return page !== undefined && prefersPage(x.head) ? page : undefined;
}

/** Whether Accept names HTML, as browsers do; programs get the problem reply. */
function prefersPage(head: Exchange['head']): boolean {
  const index = head.names.indexOf('accept');
  return index !== -1 && /(?:^|,)\s*text\/html\s*(?:$|[;,])/i.test(valueAt(head, index));
}
