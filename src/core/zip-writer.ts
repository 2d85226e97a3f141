import { crc32 } from 'node:zlib';

// PKWARE's APPNOTE 6.3.10. Files are stored as they are: images hardly shrink, and what is stored needs no memory. A library would be
// larger than this, and those that are kept up compress.

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
/** 4.5: files beyond the limits of the first format. */
const VERSION = 45;
const UTF8_NAMES = 0x0800;
/** 1 January 1980: the archive of the same files has the same bytes. */
const EPOCH_DATE = 0x21;
const LIMIT_16 = 0xffff;
const LIMIT_32 = 0xffffffff;

/** Writes a ZIP archive piece by piece; it keeps one line of the directory for each file, and no file. */
export class ZipWriter {
  readonly #directory: Buffer[] = [];
  #offset = 0;

  /** The bytes that add a file. */
  add(name: string, content: Uint8Array): Buffer {
    const nameBytes = Buffer.from(name);
    const checksum = crc32(content);
    const head = Buffer.alloc(30);
    head.writeUInt32LE(LOCAL, 0);
    writeCommon(head, 4, { checksum, size: content.length, nameLength: nameBytes.length });
    this.#directory.push(directoryLine(nameBytes, { checksum, size: content.length, offset: this.#offset }));
    const bytes = Buffer.concat([head, nameBytes, content]);
    this.#offset += bytes.length;
    return bytes;
  }

  /** The bytes that end the archive. */
  end(): Buffer {
    const directory = Buffer.concat(this.#directory);
    const count = this.#directory.length;
    const isLarge = count >= LIMIT_16 || this.#offset >= LIMIT_32;
    const end = Buffer.alloc(22);
    end.writeUInt32LE(END, 0);
    end.writeUInt16LE(Math.min(count, LIMIT_16), 8);
    end.writeUInt16LE(Math.min(count, LIMIT_16), 10);
    end.writeUInt32LE(Math.min(directory.length, LIMIT_32), 12);
    end.writeUInt32LE(Math.min(this.#offset, LIMIT_32), 16);
    return Buffer.concat([directory, ...(isLarge ? [largeEnd(count, directory.length, this.#offset)] : []), end]);
  }
}

interface FileFields {
  readonly checksum: number;
  readonly size: number;
  readonly nameLength: number;
}

/** The fields that a file's head and its line in the directory share. */
function writeCommon(into: Buffer, at: number, { checksum, size, nameLength }: FileFields): void {
  into.writeUInt16LE(VERSION, at);
  into.writeUInt16LE(UTF8_NAMES, at + 2);
  into.writeUInt16LE(EPOCH_DATE, at + 8);
  into.writeUInt32LE(checksum, at + 10);
  into.writeUInt32LE(size, at + 14);
  into.writeUInt32LE(size, at + 18);
  into.writeUInt16LE(nameLength, at + 22);
}

function directoryLine(name: Buffer, file: { checksum: number; size: number; offset: number }): Buffer {
  const isFar = file.offset >= LIMIT_32;
  const line = Buffer.alloc(46);
  line.writeUInt32LE(CENTRAL, 0);
  line.writeUInt16LE(VERSION, 4);
  writeCommon(line, 6, { checksum: file.checksum, size: file.size, nameLength: name.length });
  line.writeUInt16LE(isFar ? 12 : 0, 30);
  line.writeUInt32LE(Math.min(file.offset, LIMIT_32), 42);
  if (!isFar) return Buffer.concat([line, name]);
  const extra = Buffer.alloc(12);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8, 2);
  extra.writeBigUInt64LE(BigInt(file.offset), 4);
  return Buffer.concat([line, name, extra]);
}

function largeEnd(count: number, directoryBytes: number, directoryAt: number): Buffer {
  const end = Buffer.alloc(56 + 20);
  end.writeUInt32LE(END_64, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeUInt16LE(VERSION, 12);
  end.writeUInt16LE(VERSION, 14);
  end.writeBigUInt64LE(BigInt(count), 24);
  end.writeBigUInt64LE(BigInt(count), 32);
  end.writeBigUInt64LE(BigInt(directoryBytes), 40);
  end.writeBigUInt64LE(BigInt(directoryAt), 48);
  end.writeUInt32LE(LOCATOR_64, 56);
  end.writeBigUInt64LE(BigInt(directoryAt + directoryBytes), 64);
  end.writeUInt32LE(1, 72);
  return end;
}
