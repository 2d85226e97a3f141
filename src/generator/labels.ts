import type { Symbology } from '../barcode/symbologies.ts';
import { glyphWidth } from './font.ts';

/** A piece of the text below the bars; lengths in modules, `x` and `y` the top left corner of its first glyph. */
export interface Label {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** From one character's start to the next one's. */
  readonly advance: number;
}

interface Placed {
  /** `x` counts from the first bar. */
  readonly labels: readonly Label[];
  /** What the text needs at the sides of the bars. */
  readonly left: number;
  readonly right: number;
  /** How far guard bars reach down beside the text. */
  readonly drop: number;
}

/** Where the digits of a retail symbol stand: [first digit, one past the last, module of the first one's cell]. */
type Cells = readonly (readonly [from: number, to: number, module: number])[];

// A digit of EAN and UPC is seven modules wide, so each stands below its own bars, between the guards.
const digitCell = 7;
const outside = digitCell + 2;
const guardDrop = 5;
const retailCells: Partial<
  Record<Symbology, { readonly cells: Cells; readonly left: number; readonly right: number }>
> = {
  ean13: {
    cells: [
      [0, 1, -outside],
      [1, 7, 3],
      [7, 13, 50],
    ],
    left: outside,
    right: 0,
  },
  ean8: {
    cells: [
      [0, 4, 3],
      [4, 8, 36],
    ],
    left: 0,
    right: 0,
  },
  upca: {
    cells: [
      [0, 1, -outside],
      [1, 6, 10],
      [6, 11, 50],
      [11, 12, 97],
    ],
    left: outside,
    right: outside,
  },
  upce: {
    cells: [
      [0, 1, -outside],
      [1, 7, 3],
      [7, 8, 53],
    ],
    left: outside,
    right: outside,
  },
};

/** Places the text of a linear symbol: retail digits below their bars, everything else in the middle. */
export function labelsOf(symbology: Symbology, text: string, barsWidth: number): Placed {
  const retail = retailCells[symbology];
  if (retail !== undefined) {
    const inset = (digitCell - glyphWidth) / 2;
    const labels = retail.cells.map(([from, to, module]) => ({
      text: text.slice(from, to),
      x: module + inset,
      y: 0,
      advance: digitCell,
    }));
    return { labels, left: retail.left, right: retail.right, drop: guardDrop };
  }
  const shown = symbology.startsWith('databar') && !text.startsWith('(') ? `(01)${text}` : text;
  const advance = glyphWidth + 1;
  const x = Math.floor((barsWidth - (shown.length * advance - 1)) / 2);
  const overhang = Math.max(0, -x) + 1;
  return { labels: [{ text: shown, x, y: 0, advance }], left: overhang, right: overhang, drop: 0 };
}
