import type { BarcodeRequest } from '../barcode/request.ts';
import type { Symbology } from '../barcode/symbologies.ts';
import { glyphHeight, glyphWidth } from './font.ts';

/** A piece of the text beside the bars; lengths in modules, `x` and `y` the top left corner of its first glyph. */
export interface Label {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** From one character's start to the next one's. */
  readonly advance: number;
  /** Modules a dot of a glyph; 1 if it is not there. */
  readonly size?: number;
}

/** A label before the place of its line is known. */
interface PlacedLabel extends Omit<Label, 'y'> {
  readonly line: 'above' | 'beside' | 'below';
}

interface Placed {
  /** `x` counts from the first bar. */
  readonly labels: readonly PlacedLabel[];
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
interface RetailCells {
  readonly cells: Cells;
  readonly left: number;
  readonly right: number;
}
const ean13Cells: RetailCells = {
  cells: [
    [0, 1, -outside],
    [1, 7, 3],
    [7, 13, 50],
  ],
  left: outside,
  right: 0,
};
const retailCells: Partial<Record<Symbology, RetailCells>> = {
  ean13: ean13Cells,
  isbn: ean13Cells,
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

/** Width of the bars of an EAN-2 and an EAN-5, and of the cell of a digit above them. */
const addOnWidths: Readonly<Record<number, number>> = { 2: 20, 5: 47 };
const addOnCell = 9;

/** Places the text of a linear symbol: retail digits below their bars, everything else in the middle. */
export function labelsOf(
  { symbology, text, addOn, textSize = 1 }: Pick<BarcodeRequest, 'symbology' | 'text' | 'addOn' | 'textSize'>,
  barsWidth: number,
): Placed {
  const retail = retailCells[symbology];
  if (retail !== undefined) {
    const inset = (digitCell - glyphWidth) / 2;
    const digits = text.replaceAll('-', '');
    const labels = retail.cells.map(([from, to, module]) => ({
      text: digits.slice(from, to),
      x: module + inset,
      line: 'below' as const,
      advance: digitCell,
    }));
    const title = titleOf(symbology, text);
    const overhang = Math.max(0, ...title.map(({ x }) => 1 - x));
    // The digit behind the bars of a UPC stands between them and an add-on, and so does the end of a title.
    const right = addOn === undefined ? Math.max(retail.right, overhang) : 0;
    const left = Math.max(retail.left, overhang);
    return { labels: [...labels, ...addOnLabels(addOn, barsWidth), ...title], left, right, drop: guardDrop };
  }
  const shown = symbology.startsWith('databar') && !text.startsWith('(') ? `(01)${text}` : text;
  const advance = (glyphWidth + 1) * textSize;
  const x = Math.floor((barsWidth - (shown.length * advance - textSize)) / 2);
  const overhang = Math.max(0, -x) + 1;
  const size = textSize === 1 ? {} : { size: textSize };
  return { labels: [{ text: shown, x, line: 'below', advance, ...size }], left: overhang, right: overhang, drop: 0 };
}

/** The digits of an add-on stand above its bars, which begin lower for that. */
function addOnLabels(addOn: string | undefined, barsWidth: number): PlacedLabel[] {
  if (addOn === undefined) return [];
  const width = addOnWidths[addOn.length] ?? 0;
  const x = barsWidth - width + Math.floor((width - (addOn.length * addOnCell - (addOnCell - glyphWidth))) / 2);
  return [{ text: addOn, x, line: 'beside', advance: addOnCell }];
}

function titleOf(symbology: Symbology, text: string): PlacedLabel[] {
  if (symbology !== 'isbn') return [];
  const title = `ISBN ${text}`;
  const advance = glyphWidth + 1;
  return [{ text: title, x: Math.floor((95 - (title.length * advance - 1)) / 2), line: 'above', advance }];
}

/** The height of a line of text, with the gap to the bars. */
export const lineHeight = (size: number): number => glyphHeight * size + 1;
