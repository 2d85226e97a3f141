import { isIP } from 'node:net';

/** The forwarding fields of the peer: which hops passed the request on before it. */
export interface SaidOfForwarding {
  /** Further fields of this kind (X-Forwarded-Port, X-Real-IP, …): name, value. */
  others?: string[];
  forwarded?: string;
  for?: string;
  host?: string;
  proto?: string;
}

/** Adds a field. The lines of a list field are one list; of any other field the last line counts. */
export function remember(into: SaidOfForwarding, name: string, value: string): void {
  if (name === 'forwarded') into.forwarded = joinLists(into.forwarded, value);
  else if (name === 'x-forwarded-for') into.for = joinLists(into.for, value);
  else if (name === 'x-forwarded-host') into.host = value;
  else if (name === 'x-forwarded-proto') into.proto = value;
  else if (name.startsWith('x-') && name !== 'x-request-id' && name !== 'x-deadline-ms')
    (into.others ??= []).push(name, value);
}

const joinLists = (left: string | undefined, right: string): string =>
  left === undefined ? right : `${left}, ${right}`;

/** How the request came to this gateway. */
interface Hop {
  readonly host: string;
  readonly proto: 'http' | 'https';
}

/** The forwarding information of a trusted peer, in both forms with the same content. */
interface Before {
  /** The addresses, the nearest last. */
  readonly hops: readonly string[];
  readonly host: string | undefined;
  readonly proto: string | undefined;
  /** The elements of Forwarded. */
  readonly elements: readonly string[];
}

/**
 * The X-Forwarded-* and Forwarded lines for a backend. `said`: the fields of a trusted peer. The fields of other peers
 * are dropped, because anyone can write them. `host`: the Host of the request, or empty.
 */
export function forwardedLines(peer: string, { host, proto }: Hop, said: SaidOfForwarding): string[] {
  const before = beforeOf(said);
  const out = ['x-forwarded-for', [...before.hops, peer].join(', '), ...(said.others ?? [])];
  const firstHost = before.host ?? host;
  if (firstHost !== '') out.push('x-forwarded-host', firstHost);
  out.push('x-forwarded-proto', before.proto ?? proto);
  const own = element(peer, host === '' ? undefined : host, proto);
  out.push('forwarded', [...before.elements, own].join(', '));
  return out;
}

/**
 * Most proxies write one form and pass the other on as received from the client. If X-Forwarded-* names addresses, it
 * is trusted, and Forwarded is kept only if it agrees. Without X-Forwarded-For, Forwarded is trusted.
 */
function beforeOf(said: SaidOfForwarding): Before {
  const hops = listed(said.for ?? '');
  const told = readForwarded(said.forwarded ?? '');
  const speaksForwarded = (said.for ?? '').trim() === '' && told.length > 0;
  const host = presentText(said.host) ?? (speaksForwarded ? told[0]?.host : undefined);
  const proto = presentText(said.proto) ?? (speaksForwarded ? told[0]?.proto : undefined);
  const addresses = speaksForwarded ? told.map((one) => one.address) : hops;
  // Each proxy adds its own host and scheme to Forwarded; X-Forwarded-* has those of the first.
  const confirmed = speaksForwarded
    ? told[0]?.host === host && told[0]?.proto === proto
    : told.map((one) => one.address).join() === hops.map(addressOf).join() &&
      told.every((one) => (one.host ?? host) === host && (one.proto ?? proto) === proto);
  const elements = confirmed
    ? told.map(({ text }) => text)
    : addresses.map((address, index) => (index === 0 ? element(address, host, proto) : element(address)));
  return { hops: addresses, host, proto, elements };
}

/** One element of Forwarded, as received and as parsed. */
interface ForwardedElement {
  readonly text: string;
  readonly address: string;
  readonly host: string | undefined;
  readonly proto: string | undefined;
}

/**
 * The elements of a Forwarded field (RFC 7239 §4) after the last malformed one. A quote that a client leaves open would
 * otherwise swallow the elements that proxies have added after it.
 */
function readForwarded(field: string): ForwardedElement[] {
  const elements: ForwardedElement[] = [];
  for (const text of listed(field).toReversed()) {
    const read = readElement(text);
    if (read === undefined) break;
    elements.unshift(read);
  }
  return elements;
}

function readElement(text: string): ForwardedElement | undefined {
  const pairs: Record<string, string> = {};
  for (const pair of text.split(';')) {
    if (pair.trim() === '') continue;
    const [, name, value] = /^([\w-]+)=("[^"\\]*"|[^\s"]*)$/.exec(pair.trim()) ?? [];
    if (name === undefined || value === undefined) return undefined;
    pairs[name.toLowerCase()] = value.replaceAll('"', '');
  }
  if (Object.keys(pairs).length === 0) return undefined;
  const { for: node, host, proto } = pairs;
  return { text, address: addressOf(node ?? 'unknown'), host: presentText(host), proto: presentText(proto) };
}

/** The members of a list; empty ones do not count (RFC 9110 §5.6.1.2). */
const listed = (field: string): string[] =>
  field
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');

const presentText = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** An IPv6 address without brackets and port, as X-Forwarded-For has it; any other text as it is. */
const addressOf = (node: string): string => /^\[([^\]]*)\](?::\d+)?$/.exec(node)?.[1] ?? node;

/** An element of Forwarded. A text that is not an address stays inside quotes (RFC 7239 §6). */
function element(address: string, host?: string, proto?: string): string {
  const node = isIP(address) === 6 ? `"[${address}]"` : quoted(address);
  const pairs = [`for=${node}`];
  if (host !== undefined) pairs.push(`host=${quoted(host)}`);
  if (proto !== undefined) pairs.push(`proto=${quoted(proto)}`);
  return pairs.join(';');
}

const quoted = (text: string): string => (/^[\w.-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '')}"`);
