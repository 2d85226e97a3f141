import type { Modules } from './encode.ts';
import { type Appearance, plainAppearance } from './appearance.ts';
import { svgOf } from './svg.ts';

/**
 * MaxiCode (ISO/IEC 16023): hexagons in 33 rows of 30 around three rings.
 *
 * The unit is the width of a hexagon's cell; rows are √3/2 apart, the odd ones half a cell to the right.
 */
const columns = 30;
const rows = 33;
const rowStep = Math.sqrt(3) / 2;
/** From the top to the middle of the first row. */
const firstRow = 1 / Math.sqrt(3);
export const symbolWidth = columns;
const exactHeight = 2 * firstRow + (rows - 1) * rowStep;
/** In whole cells. */
export const symbolHeight = Math.ceil(exactHeight);
/** A hexagon stands on a corner and leaves a gap to its neighbours. */
const cornerRadius = 0.5;
const sideRadius = cornerRadius * rowStep;
const centre = { x: 14.5, y: exactHeight / 2 };
/** Inner and outer radius of the dark rings. */
const rings = [
  [0.5774, 1.3619],
  [2.1464, 2.9309],
  [3.7155, 4.5],
] as const;
/** Cells closer to the centre than this belong to the rings. */
const finderRadius = 5.1;

interface Cell {
  readonly x: number;
  readonly y: number;
}

/** The symbol as SVG. */
export function maxicodeSvg(
  raster: Modules,
  quietZone: number,
  scale: number,
  appearance: Appearance = plainAppearance,
): string {
  const width = symbolWidth + 2 * quietZone;
  const height = symbolHeight + 2 * quietZone;
  const hexagons = darkCells(raster).map(({ x, y }) => `M${short(x + quietZone)} ${short(y + quietZone)}${hexagon}`);
  const circles = rings.map(([inner, outer]) => {
    const at = `cx="${short(centre.x + quietZone)}" cy="${short(centre.y + quietZone)}"`;
    return `<circle ${at} r="${short((inner + outer) / 2)}" stroke="${appearance.color === plainAppearance.color ? '#000' : appearance.color}" stroke-width="${short(outer - inner)}" fill="none"/>`;
  });
  const fill = appearance.color === plainAppearance.color ? '' : ` fill="${appearance.color}"`;
  const content = `<path${fill} d="${hexagons.join('')}"/>${circles.join('')}`;
  return svgOf(content, { width, height, scale, appearance, rendering: 'geometricPrecision' });
}

/** The symbol with its margin in pixels, each dark where its middle is. */
export function maxicodePixels(raster: Modules, quietZone: number, scale: number): Modules {
  const width = (symbolWidth + 2 * quietZone) * scale;
  const height = (symbolHeight + 2 * quietZone) * scale;
  const data = new Uint8Array(width * height);
  const paint = ({ x, y }: Cell, reach: number, covers: (dx: number, dy: number) => boolean): void => {
    const left = (x + quietZone) * scale;
    const top = (y + quietZone) * scale;
    for (let py = Math.floor(top - reach * scale); py <= top + reach * scale; py++) {
      for (let px = Math.floor(left - reach * scale); px <= left + reach * scale; px++) {
        if (covers(Math.abs(px + 0.5 - left) / scale, Math.abs(py + 0.5 - top) / scale)) data[py * width + px] = 1;
      }
    }
  };
  for (const cell of darkCells(raster)) paint(cell, cornerRadius, inHexagon);
  paint(centre, 4.5, inRings);
  return { data, width, height, dark: 1 };
}

/** Whether a point this far from the middle of a hexagon lies in it: left of its side, below its sloping edge. */
function inHexagon(dx: number, dy: number): boolean {
  return dx <= sideRadius && dy <= cornerRadius - dx / Math.sqrt(3);
}

function inRings(dx: number, dy: number): boolean {
  const distance = Math.hypot(dx, dy);
  return rings.some(([inner, outer]) => distance >= inner && distance <= outer);
}

/** From a hexagon's middle: its outline, as a path. */
const hexagon =
  `m0-${short(cornerRadius)}l${short(sideRadius)} ${short(cornerRadius / 2)}v${short(cornerRadius)}` +
  `l-${short(sideRadius)} ${short(cornerRadius / 2)}-${short(sideRadius)}-${short(cornerRadius / 2)}v-${short(cornerRadius)}z`;

/**
 * The middles of the dark hexagons, out of the encoder's picture of them.
 *
 * It draws a cell five dots wide and a row every four dots: the middle of an even row's cell is dot 2 of it.
 */
function darkCells({ data, width, dark }: Modules): Cell[] {
  const cells: Cell[] = [];
  for (let row = 0; row < rows; row++) {
    const odd = row % 2;
    for (let column = 0; column < columns - odd; column++) {
      const cell = { x: column + 0.5 + odd / 2, y: firstRow + row * rowStep };
      const inFinder = Math.hypot(cell.x - centre.x, cell.y - centre.y) < finderRadius;
      if (!inFinder && data[(4 * row + 2) * width + 5 * column + 2 + 2 * odd] === dark) cells.push(cell);
    }
  }
  return cells;
}

function short(length: number): string {
  return String(Math.round(length * 1000) / 1000);
}
