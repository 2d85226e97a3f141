import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip, type Gunzip } from 'node:zlib';
import { canonicalBody, parseBarcodeRequest } from '../../barcode/request.ts';
import {
  ArraySplitter,
  type ItemSplitter,
  type ItemText,
  LineSplitter,
  MalformedList,
} from '../../core/item-splitter.ts';
import type { Clock } from '../../core/clock.ts';

export const MOST_ITEMS = 100_000;
export const MAX_ITEM_BYTES = 64 * 1024;
/** Of a body that is unpacked: a small one may hold a thousand times its size. */
export const MAX_INFLATED_BYTES = 256 * 1024 * 1024;
/** Problems that a reply lists; the items after them are not read. */
const MOST_PROBLEMS = 100;
/** How long items are read without a pause, in milliseconds: requests in between must not wait. */
const SLICE_MS = 1;
const LOOK_AT_CLOCK_EVERY = 16;
/** The largest part of a body in memory that is split at once. */
const PART_BYTES = 64 * 1024;

/** What is wrong with one field of an item. */
export interface ItemProblem {
  /** From 1 on; in NDJSON, the number of its line. */
  readonly item: number;
  readonly field: string;
  readonly rule: string;
  readonly detail: string;
}

/** Items of a batch are invalid, so none of it is accepted. */
export class InvalidItems extends Error {
  readonly problems: readonly ItemProblem[];

  constructor(problems: readonly ItemProblem[]) {
    super('items of the batch are invalid');
    this.problems = problems;
  }
}

/** The body cannot be read as a list of items: what is wrong with it. */
export class UnreadableBatch extends Error {
  readonly reason: 'malformed-request' | 'invalid-request' | 'body-too-large';

  constructor(reason: UnreadableBatch['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface BatchBody {
  readonly form: 'lines' | 'array';
  readonly isPacked: boolean;
  readonly content: Buffer | Readable;
}

/**
 * The canonical requests of a batch, in parts, as its body is read. Throws InvalidItems when all problems are known, and yields
 * nothing after the first one. Between two parts other requests have their turn.
 */
export async function* batchItems({ form, isPacked, content }: BatchBody, clock: Clock): AsyncGenerator<string[]> {
  const splitter: ItemSplitter =
    form === 'lines' ? new LineSplitter(MAX_ITEM_BYTES) : new ArraySplitter(MAX_ITEM_BYTES);
  const reader = new ItemReader();
  for await (const chunk of isPacked ? unpacked(content) : parts(content)) {
    yield* slices(
      splitting(() => splitter.push(reader.isFirst ? withoutMark(chunk) : chunk)),
      reader,
      clock,
    );
  }
  yield* slices(
    splitting(() => splitter.end()),
    reader,
    clock,
  );
  if (reader.problems.length > 0) throw new InvalidItems(reader.problems);
  if (reader.count === 0) throw new UnreadableBatch('invalid-request', 'the batch has no items');
}

/** Reads items one by one, and counts them. */
class ItemReader {
  readonly problems: ItemProblem[] = [];
  count = 0;
  isFirst = true;

  /** The canonical request; undefined if it is invalid. */
  read(text: ItemText): string | undefined {
    this.count++;
    if (this.count > MOST_ITEMS)
      throw new UnreadableBatch('invalid-request', `a batch takes up to ${MOST_ITEMS} items`);
    if (text === undefined) return this.#bad('', 'length', `an item has at most ${MAX_ITEM_BYTES} bytes`);
    if (!isUtf8(text)) return this.#bad('', 'encoding', 'the item is not UTF-8');
    let json: unknown;
    try {
      json = JSON.parse(text.toString());
    } catch {
      return this.#bad('', 'json', text.length === 0 ? 'the item is empty' : 'the item is not JSON');
    }
    const parsed = parseBarcodeRequest(json);
    if (parsed.ok) return canonicalBody(parsed.request);
    for (const { field, rule, detail } of parsed.problems) this.#bad(field, rule, detail);
    return undefined;
  }

  #bad(field: string, rule: string, detail: string): undefined {
    this.problems.push({ item: this.count, field, rule, detail });
    if (this.problems.length >= MOST_PROBLEMS) throw new InvalidItems(this.problems);
  }
}

async function* slices(texts: readonly ItemText[], reader: ItemReader, clock: Clock): AsyncGenerator<string[]> {
  reader.isFirst = false;
  let requests: string[] = [];
  let startedAt = clock.now();
  for (const [index, text] of texts.entries()) {
    const request = reader.read(text);
    if (request !== undefined && reader.problems.length === 0) requests.push(request);
    if (index % LOOK_AT_CLOCK_EVERY !== 0 || clock.now() - startedAt < SLICE_MS) continue;
    yield requests;
    requests = [];
    await nextTurn();
    startedAt = clock.now();
  }
  yield requests;
}

function splitting<Result>(split: () => Result): Result {
  try {
    return split();
  } catch (error) {
    if (error instanceof MalformedList) throw new UnreadableBatch('malformed-request', error.message);
    throw error;
  }
}

/** Without the byte order mark that some programs write. */
const withoutMark = (chunk: Buffer): Buffer =>
  chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? chunk.subarray(3) : chunk;

async function* parts(content: Buffer | Readable): AsyncGenerator<Buffer> {
  if (!Buffer.isBuffer(content)) yield* content;
  else for (let at = 0; at < content.length; at += PART_BYTES) yield content.subarray(at, at + PART_BYTES);
}

async function* unpacked(content: Buffer | Readable): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  // What fails here shows where the other end is read.
  void feed(gunzip, content).catch((error: Error) => gunzip.destroy(error));
  let bytes = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_INFLATED_BYTES)
        throw new UnreadableBatch('body-too-large', `the unpacked body has more than ${MAX_INFLATED_BYTES} bytes`);
      yield chunk;
    }
  } catch (error) {
    throw isPackingError(error) ? new UnreadableBatch('malformed-request', 'the body is not gzip') : error;
  } finally {
    gunzip.destroy();
  }
}

async function feed(gunzip: Gunzip, content: Buffer | Readable): Promise<void> {
  for await (const part of parts(content)) {
    if (gunzip.destroyed) return;
    await new Promise<void>((resolve) => void gunzip.write(part, () => resolve()));
  }
  gunzip.end();
}

/** zlib's codes: Z_DATA_ERROR, and Z_BUF_ERROR for a body that ends too soon. */
const isPackingError = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_');
