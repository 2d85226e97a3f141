import { inflateRawSync } from 'node:zlib';

/** The archive is damaged, too large, or of a kind that is not read here. */
export class MalformedZip extends Error {}

const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
const STORED = 0;
const DEFLATED = 8;

/** The files of a ZIP archive by their names, each read when it is asked for. Large archives (ZIP64) and encrypted files are refused. */
export class ZipReader {
  readonly #bytes: Buffer;
  readonly #files = new Map<string, { readonly method: number; readonly packed: number; readonly offset: number }>();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    const end = endOf(bytes);
    const count = bytes.readUInt16LE(end + 10);
    let at = bytes.readUInt32LE(end + 16);
    for (let index = 0; index < count; index++) {
      if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== CENTRAL)
        throw new MalformedZip('its directory is damaged');
      const nameLength = bytes.readUInt16LE(at + 28);
      const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
      if ((bytes.readUInt16LE(at + 8) & 1) !== 0) throw new MalformedZip('it is encrypted');
      this.#files.set(name, {
        method: bytes.readUInt16LE(at + 10),
        packed: bytes.readUInt32LE(at + 20),
        offset: bytes.readUInt32LE(at + 42),
      });
      at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    }
  }

  /** In the order of the archive's directory. */
  get names(): string[] {
    return [...this.#files.keys()];
  }

  /** The content of a file; undefined if there is none of this name. Never more than `maxBytes`. */
  read(name: string, maxBytes: number): Buffer | undefined {
    const file = this.#files.get(name);
    if (file === undefined) return undefined;
    const { method, packed, offset } = file;
    const bytes = this.#bytes;
    if (offset + 30 > bytes.length) throw new MalformedZip(`${name} lies outside of the file`);
    const start = offset + 30 + bytes.readUInt16LE(offset + 26) + bytes.readUInt16LE(offset + 28);
    const content = bytes.subarray(start, start + packed);
    if (content.length < packed) throw new MalformedZip(`${name} is cut short`);
    if (method === STORED && packed <= maxBytes) return content;
    if (method !== DEFLATED) throw new MalformedZip(`${name} is too large, or packed in a way that is not read here`);
    try {
      return inflateRawSync(content, { maxOutputLength: maxBytes });
    } catch {
      throw new MalformedZip(`${name} is damaged, or unpacks to more than ${maxBytes} bytes`);
    }
  }
}

/** Where the last record begins; a comment may stand behind it. */
function endOf(bytes: Buffer): number {
  const least = Math.max(0, bytes.length - END_BYTES - LONGEST_COMMENT);
  for (let at = bytes.length - END_BYTES; at >= least; at--) if (bytes.readUInt32LE(at) === END) return at;
  throw new MalformedZip('it is no ZIP archive');
}
