import { crc32 } from 'node:zlib';
import { type BarcodeRecord, recordDefaults } from '../records.ts';

// One record is one line: eight hex digits of the CRC-32 of the JSON, a space, the JSON with the image in base64.
// JSON escapes line ends and lone surrogates, so a line is a line and any text survives.

/** Records that PostgreSQL will never take, for a person to look at. */
export const REJECTED_FILE = 'rejected.ndjson';

export function encodeLine(record: BarcodeRecord): string {
  const bytes = Buffer.from(record.bytes.buffer, record.bytes.byteOffset, record.bytes.byteLength);
  const json = JSON.stringify({ ...record, bytes: bytes.toString('base64') });
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

function decodeLine(line: string, defaults: Partial<BarcodeRecord>): BarcodeRecord | undefined {
  const json = line.slice(9);
  if (line[8] !== ' ' || line.slice(0, 8) !== crc32(json).toString(16).padStart(8, '0')) return undefined;
  const stored = JSON.parse(json) as BarcodeRecord & { bytes: string };
  return { ...defaults, ...stored, bytes: Buffer.from(stored.bytes, 'base64') };
}

export interface DecodedFile {
  readonly records: BarcodeRecord[];
  /** Lines that were cut short by a crash, or changed on the disk. */
  readonly damaged: number;
}

export function decodeLines(content: string, defaults = recordDefaults): DecodedFile {
  const decoded = content
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => decodeLine(line, defaults));
  const records = decoded.filter((record) => record !== undefined);
  return { records, damaged: decoded.length - records.length };
}
