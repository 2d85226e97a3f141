import type { RequestFields } from '../../policy/cache/request-cache-control.ts';
import type { Exchange } from '../exchange.ts';
import { valueAt } from '../http/request-head.ts';
import { isHopByHop, nominated } from '../../core/hop-by-hop.ts';

type Field = keyof RequestFields;

/**
 * Fields that say how a request may be answered, and those that change what some backends answer without being part of
 * any key: a request with one of the latter goes past the cache, and so can put nothing into it.
 */
const wanted: Readonly<Record<string, Field>> = Object.assign(Object.create(null), {
  'cache-control': 'cacheControl',
  pragma: 'pragma',
  range: 'range',
  'if-none-match': 'ifNoneMatch',
  'if-modified-since': 'ifModifiedSince',
  'if-match': 'precondition',
  'if-unmodified-since': 'precondition',
  'if-range': 'precondition',
  'x-original-url': 'override',
  'x-rewrite-url': 'override',
  'x-original-host': 'override',
  'x-host': 'override',
  'x-http-host-override': 'override',
  'x-http-method': 'override',
  'x-http-method-override': 'override',
  'x-method-override': 'override',
  'x-middleware-subrequest': 'override',
});

const none: RequestFields = {};

/** Gives the same object for every request that has none of them. */
export function readFields(head: Exchange['head']): RequestFields {
  const { names, connection } = head;
  // Fields that Connection nominates do not reach the backend: its reply is not that for what the client sent.
  const dropped = nominated(connection);
  if (dropped !== undefined && names.some((name) => dropped.has(name) && !isHopByHop(name))) return { override: '' };
  let fields: { [name in Field]?: string } | undefined;
  for (let index = 0; index < names.length; index++) {
    const field = wanted[names[index] as string];
    if (field === undefined) continue;
    const value = valueAt(head, index);
    fields ??= {};
    const before = fields[field];
    fields[field] = before === undefined ? value : `${before}, ${value}`;
  }
  return fields ?? none;
}

/** Whether a request says who asks; what it gets may then be for that one alone. */
export function hasCredentials({ names }: Exchange['head']): boolean {
  return names.includes('authorization') || names.includes('x-api-key') || names.includes('cookie');
}
