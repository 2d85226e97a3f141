import type { RequestFields } from '../../policy/cache/request-cache-control.ts';
import type { Exchange } from '../exchange.ts';
import { valueAt } from '../http/request-head.ts';
import { isHopByHop, nominated } from '../../core/hop-by-hop.ts';

type Field = keyof RequestFields;

/**
 * Fields that control how the cache answers a request, and fields that change the answer of some backends without being
 * part of a key. A request with one of the latter bypasses the cache, so its reply is not stored.
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

/** Returns the same object for every request that has none of them. */
export function readFields(head: Exchange['head']): RequestFields {
  const { names, connection } = head;
  // Fields that Connection nominates do not reach the backend, so its reply does not depend on them.
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

/** Whether a request has credentials; its reply may then be for that client only. */
export function hasCredentials({ names }: Exchange['head']): boolean {
  return names.includes('authorization') || names.includes('x-api-key') || names.includes('cookie');
}
