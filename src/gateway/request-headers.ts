import type { Exchange } from './exchange.ts';
import { isHopByHop, nominated } from './hop-by-hop.ts';

/** Fields that the gateway itself writes, or that are not for a backend. */
const replaced: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'expect',
  'forwarded',
  'x-request-id',
  'traceparent',
  'x-deadline-ms',
]);

/**
 * The header lines for a backend: what the client sent, without what belongs to its connection, without its key, and
 * with what the gateway knows. Ours come last and after the stripping, so a `Connection` header cannot remove them.
 */
export function requestHeaders(x: Exchange, trustedProxies: ReadonlySet<string>): string[] {
  const { rawHeaders } = x.req;
  const { names, connection } = x.head;
  const dropped = nominated(connection);
  const out: string[] = [];
  const forwarded: Forwarded = {};
  for (const [index, name] of names.entries()) {
    const value = rawHeaders[index * 2 + 1] as string;
    if (replaced.has(name) || name.startsWith('x-forwarded-') || name === 'x-real-ip') remember(forwarded, name, value);
    else if (isHopByHop(name) || dropped?.has(name) === true || carriesKey(name, value)) continue;
    else out.push(name, value);
  }
  addForwarded(out, x, trustedProxies, forwarded);
  // An HTTP/1.0 request may have none; then the backend gets its own name.
  if (x.head.host !== '') out.push('host', x.head.host);
  out.push('x-request-id', x.id, 'traceparent', x.traceparent);
  return out;
}

/** A key opens this gateway; it must not leak to a backend, not even on a route that asks for none. */
function carriesKey(name: string, value: string): boolean {
  if (name === 'x-api-key') return value.startsWith('rk_');
  return name === 'authorization' && /^bearer +rk_/i.test(value);
}

interface Forwarded {
  /** Further fields of this kind (X-Forwarded-Port, X-Real-IP, …): name, value. */
  others?: string[];
  forwarded?: string;
  for?: string;
  host?: string;
  proto?: string;
}

function remember(into: Forwarded, name: string, value: string): void {
  if (name === 'forwarded') into.forwarded = join(into.forwarded, value);
  else if (name === 'x-forwarded-for') into.for = join(into.for, value);
  else if (name === 'x-forwarded-host') into.host = value;
  else if (name === 'x-forwarded-proto') into.proto = value;
  else if (name.startsWith('x-') && name !== 'x-request-id' && name !== 'x-deadline-ms')
    (into.others ??= []).push(name, value);
}

const join = (left: string | undefined, right: string): string => (left === undefined ? right : `${left}, ${right}`);

/** What an untrusted peer says of those before it is dropped: anyone can write it. */
function addForwarded(out: string[], x: Exchange, trusted: ReadonlySet<string>, said: Forwarded): void {
  const peer = peerAddress(x.req.socket.remoteAddress ?? 'unknown');
  const { host } = x.head;
  const before: Forwarded = trusted.size > 0 && trusted.has(peer) ? said : {};
  out.push('x-forwarded-for', before.for === undefined ? peer : `${before.for}, ${peer}`);
  if (before.others !== undefined) out.push(...before.others);
  if (before.host !== undefined || host !== '') out.push('x-forwarded-host', before.host ?? host);
  out.push('x-forwarded-proto', before.proto ?? 'http');
  const at = host === '' ? '' : `;host=${host.includes(':') ? `"${host}"` : host}`;
  const own = `for=${peer.includes(':') ? `"[${peer}]"` : peer}${at};proto=http`;
  out.push('forwarded', before.forwarded === undefined ? own : `${before.forwarded}, ${own}`);
}

/**
 * What a backend is told by a trusted peer of the request before it, beyond the client's address: a part of the cache
 * key, as replies may depend on it. Empty where nothing is told; what others say is dropped before a backend sees it.
 */
export function forwardedSelection(x: Exchange, trusted: ReadonlySet<string>): string {
  if (trusted.size === 0 || !trusted.has(peerAddress(x.req.socket.remoteAddress ?? 'unknown'))) return '';
  const { names } = x.head;
  let text = '';
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const value = x.req.rawHeaders[index * 2 + 1] as string;
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

/** The address of a peer, an IPv4 one that came over an IPv6 socket in its own form. */
export function peerAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
