import { isIP } from 'node:net';
import type { AddressSet } from '../../core/addresses.ts';
import type { Exchange } from './exchange.ts';
import { peerAddress } from './peer-address.ts';
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
  const { rawHeaders } = x.req;
  const { names, connection } = x.head;
  const dropped = nominated(connection);
  const out: string[] = [];
  const forwarded: Forwarded = {};
  for (const [index, name] of names.entries()) {
    const value = rawHeaders[index * 2 + 1] as string;
    if (replaced.has(name) || name.startsWith('x-forwarded-') || name === 'x-real-ip') remember(forwarded, name, value);
    // It belongs to a trace context, and means nothing without one (W3C Trace Context §3.3).
    else if (name === 'tracestate' && x.traceparent === '') continue;
    else if (isHopByHop(name) || dropped?.has(name) === true || carriesKey(name, value)) continue;
    else out.push(name, value);
  }
  addForwarded(out, x, trustedProxies, forwarded);
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

/** What an untrusted peer says of those before it is dropped: anyone can write it. Both forms say the same. */
function addForwarded(out: string[], x: Exchange, trusted: AddressSet, said: Forwarded): void {
  const peer = peerAddress(x.req.socket.remoteAddress);
  const { host } = x.head;
  const before: Forwarded = trusted.has(peer) ? said : {};
  const hops = before.for ?? (before.forwarded === undefined ? undefined : hopsOf(before.forwarded));
  out.push('x-forwarded-for', hops === undefined ? peer : `${hops}, ${peer}`);
  if (before.others !== undefined) out.push(...before.others);
  if (before.host !== undefined || host !== '') out.push('x-forwarded-host', before.host ?? host);
  out.push('x-forwarded-proto', before.proto ?? 'http');
  const own = `for=${node(peer)}${host === '' ? '' : `;host=${quoted(host)}`};proto=http`;
  const earlier = before.forwarded ?? (before.for === undefined ? undefined : elementsOf(before.for, before));
  out.push('forwarded', earlier === undefined ? own : `${earlier}, ${own}`);
}

/** The addresses of a Forwarded field as X-Forwarded-For has them. */
function hopsOf(forwarded: string): string {
  return forwarded
    .split(',')
    .map((element) => /(?:^|;)\s*for=("[^"]*"|[^;]*)/i.exec(element)?.[1] ?? 'unknown')
    .map((hop) =>
      hop
        .trim()
        .replaceAll('"', '')
        .replace(/^\[([^\]]*)\](?::\d+)?$/, '$1'),
    )
    .join(', ');
}

/** The addresses of X-Forwarded-For as Forwarded has them; host and scheme are those of the first. */
function elementsOf(hops: string, { host, proto }: Forwarded): string {
  const elements = hops.split(',').map((hop) => `for=${node(hop.trim())}`);
  elements[0] += `${host === undefined ? '' : `;host=${quoted(host)}`}${proto === undefined ? '' : `;proto=${quoted(proto)}`}`;
  return elements.join(', ');
}

/** An address as RFC 7239 §6 writes it. What is none stays inside the quotes. */
function node(address: string): string {
  if (isIP(address) === 6) return `"[${address}]"`;
  return quoted(address);
}

const quoted = (text: string): string => (/^[\w.-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '')}"`);

/**
 * What a backend is told by a trusted peer of the request before it, beyond the client's address: a part of the cache
 * key, as replies may depend on it. Empty where nothing is told; what others say is dropped before a backend sees it.
 */
export function forwardedSelection(x: Exchange, trusted: AddressSet): string {
  if (trusted.size === 0 || !trusted.has(peerAddress(x.req.socket.remoteAddress))) return '';
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
