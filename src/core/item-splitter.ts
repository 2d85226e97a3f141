/** Splits a body into the texts of its items as it arrives. */
export interface ItemSplitter {
  /** The items that this chunk completes; undefined for one that is longer than the limit. */
  push(chunk: Buffer): ItemText[];
  /** The items that the end completes. */
  end(): ItemText[];
}

/** The bytes of one item; undefined if it is longer than the limit. */
export type ItemText = Buffer | undefined;

/** The body is no list of items. */
export class MalformedList extends Error {}

const NEWLINE = 0x0a;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === NEWLINE || byte === 0x0d;

/** The bytes of an item that has not ended; it keeps no more of it than the limit. */
class Pending {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  add(part: Buffer): void {
    this.#length += part.length;
    if (this.#length <= this.#limit) this.#parts.push(part);
    else this.#parts.length = 0;
  }

  /** The whole item; the next one begins. */
  take(): ItemText {
    const parts = this.#parts;
    const item = this.#length > this.#limit ? undefined : parts.length === 1 ? parts[0] : Buffer.concat(parts);
    this.#parts = [];
    this.#length = 0;
    return item;
  }
}

/** One item a line, as in NDJSON. The last line need not end. */
export class LineSplitter implements ItemSplitter {
  readonly #line: Pending;

  constructor(limitBytes: number) {
    this.#line = new Pending(limitBytes);
  }

  push(chunk: Buffer): ItemText[] {
    const items: ItemText[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#line.add(chunk.subarray(start, end));
      items.push(this.#line.take());
      start = end + 1;
    }
    if (start < chunk.length) this.#line.add(chunk.subarray(start));
    return items;
  }

  end(): ItemText[] {
    return this.#line.length === 0 ? [] : [this.#line.take()];
  }
}

/** The elements of one JSON array. Each element is found by its brackets and quotes alone; whether it is JSON shows later. */
export class ArraySplitter implements ItemSplitter {
  readonly #element: Pending;
  #state: 'before' | 'first' | 'element' | 'after' = 'before';
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

  constructor(limitBytes: number) {
    this.#element = new Pending(limitBytes);
  }

  push(chunk: Buffer): ItemText[] {
    const items: ItemText[] = [];
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] as number;
      if (this.#state === 'element') {
        if (!this.#endsElement(byte)) continue;
        this.#element.add(chunk.subarray(start, index));
        items.push(this.#element.take());
        start = index + 1;
        if (byte === CLOSE_LIST) this.#state = 'after';
      } else {
        start = this.#beginsElement(byte) ? index : index + 1;
      }
    }
    if (this.#state === 'element' && start < chunk.length) this.#element.add(chunk.subarray(start));
    return items;
  }

  end(): ItemText[] {
    if (this.#state !== 'after') throw new MalformedList('the array has no end');
    return [];
  }

  /** Whether a byte before the first element, or after the last one, is the first one of an element. */
  #beginsElement(byte: number): boolean {
    if (isSpace(byte)) return false;
    if (this.#state === 'before') {
      if (byte !== OPEN_LIST) throw new MalformedList('the body must be one JSON array');
      this.#state = 'first';
      return false;
    }
    if (this.#state === 'after') throw new MalformedList('there is something after the end of the array');
    if (byte === COMMA) throw new MalformedList('the array begins with a comma');
    this.#state = byte === CLOSE_LIST ? 'after' : 'element';
    if (this.#state === 'element') this.#endsElement(byte);
    return this.#state === 'element';
  }

  #endsElement(byte: number): boolean {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isInString = false;
      return false;
    }
    if (byte === QUOTE) this.#isInString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.#depth++;
    else if (this.#depth === 0) return byte === COMMA || byte === CLOSE_LIST;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) this.#depth--;
    return false;
  }
}
