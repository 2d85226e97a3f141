import type { EcLevel } from '../../barcode/symbologies.ts';
import type { ReedSolomon } from './reed-solomon.ts';
import { type Segment, alphanumericValue, bitsOf, countBitsOf, segmentsOf } from './segments.ts';
import { type Blocks, blocksOf, lastVersion } from './versions.ts';

const modeIndicators = { numeric: 1, alphanumeric: 2, byte: 4 } as const;
// Mode 7 and the designator 26: the bytes that follow are UTF-8. Without it readers guess.
const utf8Header = { value: 0x71a, bits: 12 };

export interface Plan {
  readonly version: number;
  readonly segments: readonly Segment[];
  readonly needsUtf8: boolean;
}

/** The smallest version that holds a text, or undefined where none does. */
export function planFor(text: string, level: EcLevel): Plan | undefined {
  // oxlint-disable-next-line no-control-regex -- ASCII begins with control characters
  const needsUtf8 = !/^[\0-\x7f]*$/.test(text);
  const extra = needsUtf8 ? utf8Header.bits : 0;
  for (const [first, last] of [
    [1, 9],
    [10, 26],
    [27, lastVersion],
  ] as const) {
    const segments = segmentsOf(text, first);
    const bits = segments.reduce((sum, segment) => sum + bitsOf(segment, first), extra);
    for (let version = first; version <= last; version++) {
      if (bits <= blocksOf(version, level).dataLength * 8) return { version, segments, needsUtf8 };
    }
  }
  return undefined;
}

/** The codewords of a plan in the order in which they are placed: blocks interleaved, data then checks (§7.6). */
export function codewordsOf(plan: Plan, level: EcLevel, reedSolomon: ReedSolomon): Uint8Array {
  const blocks = blocksOf(plan.version, level);
  return interleave(dataOf(plan, blocks.dataLength), blocks, reedSolomon);
}

/** Segments, terminator and padding (§7.4). */
function dataOf({ version, segments, needsUtf8 }: Plan, length: number): Uint8Array {
  const data = new Uint8Array(length);
  let at = 0;
  const put = (value: number, bits: number): void => {
    for (let left = bits; left > 0;) {
      const room = 8 - (at & 7);
      const taken = Math.min(room, left);
      const part = (value >> (left - taken)) & ((1 << taken) - 1);
      data[at >> 3] = (data[at >> 3] ?? 0) | (part << (room - taken));
      at += taken;
      left -= taken;
    }
  };
  if (needsUtf8) put(utf8Header.value, utf8Header.bits);
  for (const segment of segments) {
    put(modeIndicators[segment.mode], 4);
    put(segment.bytes?.length ?? segment.text.length, countBitsOf(segment.mode, version));
    putText(segment, put);
  }
  at = Math.min(at + 4, length * 8);
  for (let pad = (at + 7) >> 3, byte = 0xec; pad < length; pad++, byte ^= 0xec ^ 0x11) data[pad] = byte;
  return data;
}

function putText({ mode, text, bytes }: Segment, put: (value: number, bits: number) => void): void {
  if (mode === 'numeric') {
    for (let at = 0; at < text.length; at += 3) {
      const group = text.slice(at, at + 3);
      put(Number(group), group.length * 3 + 1);
    }
  } else if (mode === 'alphanumeric') {
    for (let at = 0; at + 1 < text.length; at += 2) {
      put(alphanumericValue(text.charAt(at)) * 45 + alphanumericValue(text.charAt(at + 1)), 11);
    }
    if (text.length % 2 === 1) put(alphanumericValue(text.charAt(text.length - 1)), 6);
  } else {
    for (const byte of bytes ?? []) put(byte, 8);
  }
}

function interleave(
  data: Uint8Array,
  { count, checkLength, dataLength }: Blocks,
  reedSolomon: ReedSolomon,
): Uint8Array {
  const out = new Uint8Array(dataLength + count * checkLength);
  const short = Math.floor(dataLength / count);
  // The last blocks are one longer where the data do not divide evenly.
  const firstLong = count - (dataLength % count);
  for (let block = 0, from = 0; block < count; block++) {
    const length = short + (block >= firstLong ? 1 : 0);
    const part = data.subarray(from, from + length);
    from += length;
    for (let at = 0; at < length; at++) {
      // Beyond the short blocks' end only the long ones have a codeword.
      out[at < short ? at * count + block : short * count + block - firstLong] = part[at] ?? 0;
    }
    const checks = reedSolomon.checksOf(part, checkLength);
    for (let at = 0; at < checkLength; at++) out[dataLength + at * count + block] = checks[at] ?? 0;
  }
  return out;
}
