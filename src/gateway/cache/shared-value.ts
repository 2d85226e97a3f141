import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { Lifetime } from '../../policy/cache/freshness.ts';
import { isStorableStatus } from '../../policy/cache/storing.ts';
import { varyNames } from '../../policy/cache/vary.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';
import { MAX_TEXT_BYTES } from './entry.ts';

/** The format of values. It is also part of their keys, so that two releases never read each other's values. */
export const SHARED_FORMAT = 1;

/** The longest head of a value, in bytes. */
const MOST_HEAD_BYTES = 128 * 1024;
/** Of the fields by which replies vary; each look-up goes through all of them for each field of its request. */
const MOST_VARY_FIELDS = 32;
const MOST_VARY_CHARACTERS = 2048;
/** The last moment that a Date can hold. */
const LAST_MS = 8.64e15;
const ownName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const lineOfText = /^[\t\x20-\x7e\x80-\xff]*$/;
const duration = z.number().min(0).max(LAST_MS);
/** Other writers of the server may have stored anything, so the cheap bounds of a list are checked before its contents. */
const fieldNames = z.custom<string[]>((names) => isTextList(names) && canBeShared(names));
const headerLines = z.custom<string[]>((lines) => isTextList(lines) && isSendable(lines));

const common = {
  /** The text of the reply's key, because two keys may have one hash. */
  key: z.string(),
  stream: z.string(),
  number: z.int().min(0),
};
const replySchema = z.object({
  ...common,
  /** Milliseconds since the epoch when it was written, by the clock of its writer. */
  writtenAt: duration,
  lifeMs: duration,
  status: z.int().refine(isStorableStatus),
  headers: headerLines,
  vary: fieldNames,
  lifetime: z.object({
    ageMs: duration,
    freshMs: duration,
    staleWhileRevalidateMs: duration,
    staleIfErrorMs: duration,
    mustRevalidate: z.boolean(),
  }),
});
const headSchema = z.union([replySchema, z.object({ ...common, variants: fieldNames })]);

/** A reply as hosts share it. Its age is in `lifetime`, as it was when it was written. */
export interface SharedReply {
  readonly kind: 'reply';
  readonly key: string;
  readonly fetchedAt: NewsPosition;
  readonly writtenAt: number;
  readonly lifeMs: number;
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly vary: readonly string[];
  readonly lifetime: Lifetime;
  readonly body: Buffer | string;
}

/** In the place of replies that vary: the fields by which they are found. */
export interface SharedVariants {
  readonly kind: 'variants';
  readonly key: string;
  readonly fetchedAt: NewsPosition;
  readonly vary: readonly string[];
}

/** The format, the lengths of head and body, and the checksum of both. */
const PREFIX_BYTES = 16;
const MAGIC = 0x52_53_43_00;

/** A value: prefix, head in JSON, body. */
export function encodeShared(value: SharedReply | SharedVariants): Buffer {
  const { key, fetchedAt } = value;
  const tag = { key, ...fetchedAt };
  let head: z.input<typeof headSchema>;
  if (value.kind === 'variants') head = { ...tag, variants: [...value.vary] };
  else {
    const { writtenAt, lifeMs, status, headers, vary, lifetime } = value;
    head = { ...tag, writtenAt, lifeMs, status, headers: [...headers], vary: [...vary], lifetime };
  }
  const headBytes = Buffer.from(JSON.stringify(head));
  const body = value.kind === 'variants' ? '' : value.body;
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + headBytes.length + body.length);
  bytes.writeUInt32BE(MAGIC + SHARED_FORMAT, 0);
  bytes.writeUInt32BE(headBytes.length, 4);
  bytes.writeUInt32BE(body.length, 8);
  headBytes.copy(bytes, PREFIX_BYTES);
  if (typeof body === 'string') bytes.write(body, PREFIX_BYTES + headBytes.length, 'latin1');
  else body.copy(bytes, PREFIX_BYTES + headBytes.length);
  bytes.writeUInt32BE(crc32(bytes.subarray(PREFIX_BYTES)), 12);
  return bytes;
}

/** Undefined if the value is damaged, cut, not of this format, or no reply that could be sent to a client. Does not throw. */
export function decodeShared(bytes: Buffer): SharedReply | SharedVariants | undefined {
  if (bytes.length < PREFIX_BYTES || bytes.readUInt32BE(0) !== MAGIC + SHARED_FORMAT) return undefined;
  const headBytes = bytes.readUInt32BE(4);
  if (headBytes > MOST_HEAD_BYTES) return undefined;
  const bodyAt = PREFIX_BYTES + headBytes;
  if (bytes.length !== bodyAt + bytes.readUInt32BE(8)) return undefined;
  if (bytes.readUInt32BE(12) !== crc32(bytes.subarray(PREFIX_BYTES))) return undefined;
  const head = headOfValue(bytes.toString('utf8', PREFIX_BYTES, bodyAt));
  if (head === undefined) return undefined;
  const { key, stream, number } = head;
  const fetchedAt = { stream, number };
  if ('variants' in head) return { kind: 'variants', key, fetchedAt, vary: head.variants };
  const { writtenAt, lifeMs, status, headers, vary, lifetime } = head;
  if (status === 204 && bodyAt < bytes.length) return undefined;
  const rest = { writtenAt, lifeMs, status, headers, vary, lifetime };
  return { kind: 'reply', key, fetchedAt, ...rest, body: bodyOf(bytes.subarray(bodyAt)) };
}

/** Whether replies that vary by these fields can be in the shared cache: in the form of `varyNames`, and not too many. */
export const canBeShared = (vary: readonly string[]): boolean =>
  vary.length <= MOST_VARY_FIELDS &&
  vary.join().length <= MOST_VARY_CHARACTERS &&
  String(varyNames(vary.join())) === vary.join();

const isTextList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

/** Names and values of header lines, as a backend's reply could have them: anything else would fail in the reply of a client. */
function isSendable(lines: readonly string[]): boolean {
  return lines.length % 2 === 0 && lines.every((text, index) => (index % 2 === 0 ? ownName : lineOfText).test(text));
}

/** As the entries of a worker have it. A large body gets memory of its own, because the value is a part of a larger buffer. */
const bodyOf = (bytes: Buffer): Buffer | string =>
  bytes.length <= MAX_TEXT_BYTES ? bytes.toString('latin1') : Buffer.from(bytes);

function headOfValue(text: string): z.output<typeof headSchema> | undefined {
  try {
    return headSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
