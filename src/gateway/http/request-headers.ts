import type { AddressSet } from '../../core/addresses.ts';
import type { Exchange } from '../exchange.ts';
import { forwardedLines, remember, type SaidOfForwarding } from './forwarded.ts';
import { peerAddress } from './peer-address.ts';
import { valueAt } from './request-head.ts';
import { isHopByHop, nominated } from '../../core/hop-by-hop.ts';
import { isReplaced } from '../../core/own-fields.ts';

/**
 * The header lines for a backend: those of the client without the fields of its connection and without its key, then
 * those of the gateway. The gateway's lines are added after the removal, so a `Connection` header cannot remove them.
 */
export function requestHeaders(x: Exchange, trustedProxies: AddressSet): string[] {
  const { names, connection } = x.head;
  const dropped = nominated(connection);
  const out: string[] = [];
  const said: SaidOfForwarding = {};
  for (const [index, name] of names.entries()) {
    const value = valueAt(x.head, index);
    if (isReplaced(name)) remember(said, name, value);
    // It has no meaning without a `traceparent` (W3C Trace Context §3.3).
    else if (name === 'tracestate' && x.traceparent === '') continue;
    else if (isHopByHop(name) || dropped?.has(name) === true || carriesKey(name, value)) continue;
    else out.push(name, value);
  }
  const peer = peerAddress(x.request.peerAddress);
  out.push(
    ...forwardedLines(peer, { host: x.head.host, proto: x.request.scheme }, trustedProxies.has(peer) ? said : {}),
  );
  // An HTTP/1.0 request may have no Host; then the backend gets its own name.
  if (x.head.host !== '') out.push('host', x.head.host);
  out.push('x-request-id', x.id);
  if (x.traceparent !== '') out.push('traceparent', x.traceparent);
  const { via, maxForwards } = x.head;
  if (x.via !== '') out.push('via', via === undefined ? x.via : `${via}, ${x.via}`);
  else if (via !== undefined) out.push('via', via);
  if (maxForwards !== undefined) out.push('max-forwards', String(maxForwards - 1));
  return out;
}

/** The key of this gateway must not leak to a backend, not even on a route that needs no key. */
function carriesKey(name: string, value: string): boolean {
  if (name === 'x-api-key') return value.startsWith('rk_');
  return name === 'authorization' && /^bearer +rk_/i.test(value);
}

/**
 * The scheme, and the fields of a trusted peer about the original request, without the client's address. They are a part
 * of the cache key, because replies may depend on them. Empty for http without such fields; the fields of other peers are
 * dropped before a backend sees them.
 */
export function forwardedSelection(x: Exchange, trusted: AddressSet): string {
  // A backend may answer one scheme with a redirect to the other.
  let text = x.request.scheme === 'https' ? '\nhttps' : '';
  if (trusted.size === 0 || !trusted.has(peerAddress(x.request.peerAddress))) return text;
  const { names } = x.head;
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
