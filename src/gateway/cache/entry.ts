import { formatHttpDate, parseHttpDate } from '../../core/http-date.ts';
import type { Validators } from '../../policy/cache/conditional.ts';
import { type Aging, freshAtMost, freshUntil, type Lifetime } from '../../policy/cache/freshness.ts';
import { parseGroups } from '../../policy/cache/groups.ts';
import { type ReplyHead, joined } from '../../policy/cache/storing.ts';
import { replyHeaders } from '../http/reply-sinks.ts';
import type { HeaderLines } from './header-lines.ts';

/** The key of a stored reply. A purge names its fields; lookups use `text`, which holds all of them. */
export interface CacheKey {
  readonly endpoint: string;
  readonly host: string;
  /** Path and query of a proxied request, the canonical request of a barcode. */
  readonly target: string;
  readonly text: string;
}

/** The name of a route in keys. The upstreams of one route may answer differently, so each has entries of its own. */
export const keyName = (endpoint: string, upstream: string | undefined): string =>
  upstream === undefined ? endpoint : `${endpoint}@${upstream}`;

/** The text of a key. `name`: by `keyName`. `selection`: the forwarding fields of a trusted peer, because the reply may depend on them. */
export function keyText(name: string, host: string, target: string, selection: string): string {
  return `${name}\n${host}\n${target}${selection}`;
}

/** A stored reply, prepared for hits. It is immutable: a validated one is replaced. */
export interface Entry extends Aging {
  readonly kind: 'reply';
  readonly key: CacheKey;
  readonly lifetime: Lifetime;
  readonly arrivedAt: number;
  readonly freshUntil: number;
  readonly status: number;
  /** The header lines of a reply out of this entry, Age excepted: name, value, name, value. */
  readonly headers: readonly string[];
  /**
   * A small body is a text with one character for each byte, because Node sends that in one write with the head, and V8
   * frees it cheaply.
   */
  readonly body: Buffer | string;
  readonly validators: Validators;
  /** The names in `Cache-Groups`, which count for the host of the key. */
  readonly groups: readonly string[];
  readonly bytes: number;
}

/** The approximate cost of an entry beyond its texts and bytes: objects, arrays, the bookkeeping of the store. */
export const ENTRY_OVERHEAD_BYTES = 1024;

/** The approximate cost of a group of an entry beyond its texts. */
const GROUP_OVERHEAD_BYTES = 64;

/** Beyond this, copying into one write costs more than two. */
export const MAX_TEXT_BYTES = 16 * 1024;

/** A whole reply before it is stored. */
export interface Arrival {
  readonly key: CacheKey;
  readonly head: ReplyHead;
  readonly lifetime: Lifetime;
  readonly body: Buffer | string;
  readonly arrivedAt: number;
  readonly arrivedAtWallMs: number;
}

export function makeEntry(
  { key, head, lifetime, body, arrivedAt, arrivedAtWallMs }: Arrival,
  known: HeaderLines,
): Entry {
  const lines = replyHeaders(head.headers, head.status);
  const own: string[] = [];
  for (let index = 0; index < lines.length; index += 2) {
    const name = lines[index] as string;
    if (name !== 'content-length' && name !== 'age') own.push(name, lines[index + 1] as string);
  }
  // Without a Date, each hit would carry its own date, which contradicts Age.
  if (head.headers['date'] === undefined) own.push('date', formatHttpDate(arrivedAtWallMs));
  if (head.status !== 204) own.push('content-length', String(body.length));
  const headers = known.shared(own);
  let bytes = body.length + key.text.length * 2 + ENTRY_OVERHEAD_BYTES;
  for (const text of headers) bytes += text.length + 16;
  const groups = parseGroups(joined(head.headers['cache-groups']));
  for (const group of groups) bytes += 2 * (group.length + key.text.length) + GROUP_OVERHEAD_BYTES;
  const aging = { lifetime, arrivedAt };
  return {
    kind: 'reply',
    key,
    ...aging,
    freshUntil: freshUntil(aging),
    status: head.status,
    headers,
    body,
    validators: {
      etag: joined(head.headers['etag']),
      lastModifiedMs: parseHttpDate(joined(head.headers['last-modified'])),
    },
    groups,
    bytes,
  };
}

/** The same reply, stale from then on. */
export function staleFrom(entry: Entry, now: number): Entry {
  const aging = freshAtMost(entry, now);
  return { ...entry, ...aging, freshUntil: freshUntil(aging) };
}

/** The stored part of the head from which an entry was made. */
export function headOf({ status, headers }: Pick<Entry, 'status' | 'headers'>): ReplyHead {
  // Without a prototype, because a field may have the name of one of its members.
  const record: Record<string, string | string[]> = Object.create(null);
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    const value = headers[index + 1] as string;
    const before = record[name];
    record[name] = before === undefined ? value : [before, value].flat();
  }
  return { status, headers: record };
}

/** Fields that describe the body, which a 304 does not replace (RFC 9111 §3.2). */
const ofTheBody: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'transfer-encoding',
]);

/** The head of a stored reply, updated by a 304 (RFC 9111 §4.3.4). */
export function updatedHead(entry: Entry, notModified: ReplyHead): ReplyHead {
  const headers: Record<string, string | string[] | undefined> = Object.assign(
    Object.create(null),
    headOf(entry).headers,
  );
  for (const name in notModified.headers) {
    if (!ofTheBody.has(name)) headers[name] = notModified.headers[name];
  }
  return { status: entry.status, headers };
}

/** The fields of the client's stored reply that a 304 repeats (RFC 9110 §15.4.5). */
const repeated: ReadonlySet<string> = new Set([
  'cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'last-modified',
  'vary',
]);

export function notModifiedHeaders(headers: readonly string[]): string[] {
  const out: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    if (repeated.has(name)) out.push(name, headers[index + 1] as string);
  }
  return out;
}
