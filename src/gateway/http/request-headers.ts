import type { AddressSet } from '../../core/addresses.ts';
import type { Exchange } from '../exchange.ts';
import { forwardedLines, remember, type SaidOfForwarding } from './forwarded.ts';
import { peerAddress } from './peer-address.ts';
import { valueAt } from './request-head.ts';
import { isHopByHop, nominated } from '../../core/hop-by-hop.ts';

/** Fields that the gateway itself writes, or that are not for a backend. */
const replaced: ReadonlySet<string> = new Set([
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

/**
 * The header lines for a backend: what the client sent, without what belongs to its connection, without its key, and
 * with what the gateway knows. Ours come last and after the stripping, so a `Connection` header cannot remove them.
 */
export function requestHeaders(x: Exchange, trustedProxies: AddressSet): string[] {
  const { names, connection } = x.head;
  const dropped = nominated(connection);
  const out: string[] = [];
  const said: SaidOfForwarding = {};
  for (const [index, name] of names.entries()) {
    const value = valueAt(x.head, index);
    if (replaced.has(name) || name.startsWith('x-forwarded-') || name === 'x-real-ip') remember(said, name, value);
    // It belongs to a trace context, and means nothing without one (W3C Trace Context §3.3).
    else if (name === 'tracestate' && x.traceparent === '') continue;
    else if (isHopByHop(name) || dropped?.has(name) === true || carriesKey(name, value)) continue;
    else out.push(name, value);
  }
  const peer = peerAddress(x.request.peerAddress);
  out.push(...forwardedLines(peer, x.head.host, trustedProxies.has(peer) ? said : {}));
  // An HTTP/1.0 request may have none; then the backend gets its own name.
  if (x.head.host !== '') out.push('host', x.head.host);
  out.push('x-request-id', x.id);
  if (x.traceparent !== '') out.push('traceparent', x.traceparent);
  const { via, maxForwards } = x.head;
  if (x.via !== '') out.push('via', via === undefined ? x.via : `${via}, ${x.via}`);
  else if (via !== undefined) out.push('via', via);
  if (maxForwards !== undefined) out.push('max-forwards', String(maxForwards - 1));
  return out;
}

/** A key opens this gateway; it must not leak to a backend, not even on a route that asks for none. */
function carriesKey(name: string, value: string): boolean {
  if (name === 'x-api-key') return value.startsWith('rk_');
  return name === 'authorization' && /^bearer +rk_/i.test(value);
}

/**
 * The statements of a trusted peer about the original request, beyond the client's address: a part of the cache
 * key, as replies may depend on it. Empty where nothing is told; what others say is dropped before a backend sees it.
 */
export function forwardedSelection(x: Exchange, trusted: AddressSet): string {
  if (trusted.size === 0 || !trusted.has(peerAddress(x.request.peerAddress))) return '';
  const { names } = x.head;
  let text = '';
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const value = valueAt(x.head, index);
    if (name === 'forwarded')
      text += `\nforwarded: ${
        value
          .toLowerCase()
          .match(/(?:host|proto)=[^;,]*/g)
          ?.join() ?? ''
      }`;
    else if (name.startsWith('x-forwarded-') && name !== 'x-forwarded-for') text += `\n${name}: ${value}`;
  }
  return text;
}
