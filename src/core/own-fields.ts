import { isHopByHop } from './hop-by-hop.ts';

/** Fields of a request that the gateway writes itself, or does not forward to a backend. */
const replacedInRequests: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'expect',
  'forwarded',
  'x-request-id',
  'traceparent',
  'via',
  'max-forwards',
  'x-deadline-ms',
]);

/** Fields of a reply that the gateway writes itself, or that frame the reply. */
const ownInReplies: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-range',
  'date',
  'age',
  'x-request-id',
  'server-timing',
  'cache-status',
  'proxy-status',
]);

/**
 * Whether the gateway replaces a field of a request by its own, or drops it. `name`: in lower case. An underscore counts as
 * a hyphen, because CGI, WSGI and Rack give an application `X_Real_Ip` as `X-Real-Ip`.
 */
export function isReplaced(name: string): boolean {
  if (name.includes('_')) return isReplaced(name.replaceAll('_', '-'));
  return replacedInRequests.has(name) || name.startsWith('x-forwarded-') || name === 'x-real-ip';
}

/** Why a header rule may not name a field; undefined if it may. */
export function ruleProblem(name: string, of: 'request' | 'response'): string | undefined {
  const lower = name.toLowerCase();
  if (isHopByHop(lower)) return 'belongs to a connection, so no rule may change it';
  if (of === 'request' && lower === 'host') return 'is set by rewrite.host';
  const isOwn = of === 'request' ? isReplaced(lower) : ownInReplies.has(lower);
  return isOwn ? 'is written by Rampart itself, so no rule may change it' : undefined;
}
