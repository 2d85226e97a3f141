export type SegmentMode = 'numeric' | 'alphanumeric' | 'byte';

export interface Segment {
  readonly mode: SegmentMode;
  readonly text: string;
  /** UTF-8, of a byte segment. */
  readonly bytes?: Buffer;
}

const modes = ['numeric', 'alphanumeric', 'byte'] as const;
const alphanumeric = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
// Below these lengths a switch of mode costs more than it saves, whatever the version.
const worthSwitching = /\d{4}|[0-9A-Z $%*+\-./:]{6}/;

/** Width of a segment's character count (ISO/IEC 18004, table 3), by mode and class of version. */
const countBits: Record<SegmentMode, readonly [number, number, number]> = {
  numeric: [10, 12, 14],
  alphanumeric: [9, 11, 13],
  byte: [8, 16, 16],
};

export function countBitsOf(mode: SegmentMode, version: number): number {
  return countBits[mode][version < 10 ? 0 : version < 27 ? 1 : 2];
}

export function alphanumericValue(char: string): number {
  return alphanumeric.indexOf(char);
}

/** Bits of a segment with its header. */
export function bitsOf({ mode, text, bytes }: Segment, version: number): number {
  const header = 4 + countBitsOf(mode, version);
  // Three digits take 10 bits, two 7, one 4.
  if (mode === 'numeric') return header + Math.ceil((text.length * 10) / 3);
  if (mode === 'alphanumeric') return header + Math.floor(text.length / 2) * 11 + (text.length % 2) * 6;
  return header + (bytes?.length ?? 0) * 8;
}

/** Cuts a text into segments that take the fewest bits at a version: a shortest path over its characters, by mode. */
export function segmentsOf(text: string, version: number): Segment[] {
  if (!worthSwitching.test(text)) return [segment('byte', text)];
  const chars = [...text];
  const headers = modes.map((mode) => (4 + countBitsOf(mode, version)) * 6);
  let costs = [...headers];
  // For each character and each mode that its successor may be in: the mode that it is best in itself.
  const came: number[][] = [];
  for (const char of chars) {
    const spent = modes.map((mode, index) => (costs[index] ?? 0) + sixthsOfBit(mode, char));
    const from: number[] = [];
    costs = modes.map((_, index) => {
      let best = index;
      let least = spent[index] ?? Infinity;
      for (let other = 0; other < modes.length; other++) {
        // A finished segment's bits are whole: six sixths.
        const cost = Math.ceil((spent[other] ?? Infinity) / 6) * 6 + (headers[index] ?? 0);
        if (other !== index && cost < least) [best, least] = [other, cost];
      }
      from.push(best);
      return least;
    });
    came.push(from);
  }
  return gather(chars, came, costs.indexOf(Math.min(...costs)));
}

/** Cost of one character in sixths of a bit, as three digits take 10 bits and two letters 11. */
function sixthsOfBit(mode: SegmentMode, char: string): number {
  if (mode === 'byte') return Buffer.byteLength(char) * 48;
  if (mode === 'numeric') return char >= '0' && char <= '9' ? 20 : Infinity;
  return alphanumeric.includes(char) ? 33 : Infinity;
}

function gather(chars: readonly string[], came: readonly number[][], last: number): Segment[] {
  const chosen: number[] = [];
  let mode = last;
  for (let at = chars.length - 1; at >= 0; at--) {
    mode = came[at]?.[mode] ?? mode;
    chosen[at] = mode;
  }
  const segments: Segment[] = [];
  for (let from = 0; from < chars.length;) {
    let to = from + 1;
    while (to < chars.length && chosen[to] === chosen[from]) to++;
    segments.push(segment(modes[chosen[from] ?? 2] ?? 'byte', chars.slice(from, to).join('')));
    from = to;
  }
  return segments;
}

function segment(mode: SegmentMode, text: string): Segment {
  return mode === 'byte' ? { mode, text, bytes: Buffer.from(text) } : { mode, text };
}
