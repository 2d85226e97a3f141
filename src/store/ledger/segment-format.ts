import { crc32 } from 'node:zlib';
import { type BarcodeRecord, recordDefaults } from '../records.ts';

// A segment is a header and entries. All numbers are 32-bit, little-endian.
//   header: 'RMPLDG', the format's version in two digits
//   entry:  marker, CRC-32 of all that follows, length of the payload, payload
//   payload of a record: 'R', length of the JSON, the JSON of the record without its image, the image
//   payload of an abort: 'A', the id of a record whose client left before the end

/** What a segment holds. */
export type LogEntry =
  | { readonly kind: 'record'; readonly record: BarcodeRecord }
  /** The client of this record, which was written before, has not got all of its reply. */
  | { readonly kind: 'aborted'; readonly id: string };

/** An entry with its place in the segment. */
export interface PlacedEntry {
  readonly entry: LogEntry;
  /** The offset behind it. */
  readonly end: number;
}

export interface DecodedSegment {
  readonly entries: readonly PlacedEntry[];
  /** Places where entries were cut short by a crash, or changed on the disk. */
  readonly damaged: number;
}

export const SEGMENT_HEADER = Buffer.from('RMPLDG01', 'latin1');
const MARKER = 0x7e5ec0de;
const ENTRY_HEAD_BYTES = 12;
const RECORD = 0x52;
const ABORT = 0x41;
const RECORD_HEAD_BYTES = 5;

/** Most bytes of a character of JSON in UTF-8. */
const UTF8_MOST = 3;
const SCRATCH_BYTES = 64 * 1024;

/** Writes entries into one buffer, which the next call uses again. */
export class LogEntryEncoder {
  #buffer = Buffer.allocUnsafe(SCRATCH_BYTES);

  /** The bytes, good until the next call, and the offset behind each entry. */
  encode(entries: readonly LogEntry[]): { readonly bytes: Buffer; readonly ends: readonly number[] } {
    const ends: number[] = [];
    let offset = 0;
    for (const entry of entries) ends.push((offset = this.#encodeOne(entry, offset)));
    const bytes = this.#buffer.subarray(0, offset);
    // One large turn must not keep its memory for ever.
    if (this.#buffer.length > 16 * SCRATCH_BYTES) this.#buffer = Buffer.allocUnsafe(SCRATCH_BYTES);
    return { bytes, ends };
  }

  #encodeOne(entry: LogEntry, start: number): number {
    const end = entry.kind === 'record' ? this.#writeRecord(entry.record, start) : this.#writeAbort(entry.id, start);
    const buffer = this.#buffer;
    buffer.writeUInt32LE(MARKER, start);
    buffer.writeUInt32LE(end - start - ENTRY_HEAD_BYTES, start + 8);
    buffer.writeUInt32LE(sumOf(buffer, start, end), start + 4);
    return end;
  }

  #writeRecord({ bytes, ...rest }: BarcodeRecord, start: number): number {
    const json = JSON.stringify(rest);
    const jsonAt = start + ENTRY_HEAD_BYTES + RECORD_HEAD_BYTES;
    this.#reserve(jsonAt + json.length * UTF8_MOST + bytes.length);
    const jsonBytes = this.#buffer.write(json, jsonAt, 'utf8');
    this.#buffer[start + ENTRY_HEAD_BYTES] = RECORD;
    this.#buffer.writeUInt32LE(jsonBytes, start + ENTRY_HEAD_BYTES + 1);
    this.#buffer.set(bytes, jsonAt + jsonBytes);
    return jsonAt + jsonBytes + bytes.length;
  }

  #writeAbort(id: string, start: number): number {
    const at = start + ENTRY_HEAD_BYTES;
    this.#reserve(at + 1 + id.length);
    this.#buffer[at] = ABORT;
    return at + 1 + this.#buffer.write(id, at + 1, 'latin1');
  }

  #reserve(length: number): void {
    if (length <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#buffer.length));
    this.#buffer.copy(larger);
    this.#buffer = larger;
  }
}

/** The checksum of an entry, which covers its length and its payload. */
const sumOf = (content: Buffer, start: number, end: number): number => crc32(content.subarray(start + 8, end));

/**
 * Reads the entries from an offset on. Damage costs the entries that it has hit: the next intact one is looked for
 * behind it. A segment of another version of the format is damaged as a whole.
 */
export function readSegment(content: Buffer, from = SEGMENT_HEADER.length): DecodedSegment {
  if (!content.subarray(0, SEGMENT_HEADER.length).equals(SEGMENT_HEADER))
    return { entries: [], damaged: content.length === 0 ? 0 : 1 };
  const entries: PlacedEntry[] = [];
  let damaged = 0;
  let offset = Math.max(from, SEGMENT_HEADER.length);
  while (offset < content.length) {
    const found = entryAt(content, offset);
    if (found !== undefined) {
      entries.push(found);
      offset = found.end;
    } else {
      damaged++;
      offset = nextEntry(content, offset + 1);
    }
  }
  return { entries, damaged };
}

function entryAt(content: Buffer, offset: number): PlacedEntry | undefined {
  if (offset + ENTRY_HEAD_BYTES > content.length || content.readUInt32LE(offset) !== MARKER) return undefined;
  const start = offset + ENTRY_HEAD_BYTES;
  const end = start + content.readUInt32LE(offset + 8);
  if (end > content.length) return undefined;
  const payload = content.subarray(start, end);
  if (sumOf(content, offset, end) !== content.readUInt32LE(offset + 4)) return undefined;
  const entry = entryOf(payload);
  return entry === undefined ? undefined : { entry, end };
}

/** Undefined for an entry that an unknown program has written. */
function entryOf(payload: Buffer): LogEntry | undefined {
  if (payload[0] === ABORT) return { kind: 'aborted', id: payload.toString('latin1', 1) };
  if (payload[0] !== RECORD || payload.length < RECORD_HEAD_BYTES) return undefined;
  const jsonEnd = RECORD_HEAD_BYTES + payload.readUInt32LE(1);
  if (jsonEnd > payload.length) return undefined;
  try {
    const rest = JSON.parse(payload.toString('utf8', RECORD_HEAD_BYTES, jsonEnd)) as Omit<BarcodeRecord, 'bytes'>;
    return { kind: 'record', record: { ...recordDefaults, ...rest, bytes: payload.subarray(jsonEnd) } };
  } catch {
    return undefined;
  }
}

const markerBytes = Buffer.alloc(4);
markerBytes.writeUInt32LE(MARKER);

/** The offset of the next intact entry; the end of the content if there is none. */
function nextEntry(content: Buffer, from: number): number {
  for (let at = content.indexOf(markerBytes, from); at !== -1; at = content.indexOf(markerBytes, at + 1))
    if (entryAt(content, at) !== undefined) return at;
  return content.length;
}
