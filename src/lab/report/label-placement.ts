/** A place in a picture; `y` grows downwards. */
export interface Spot {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Spot {
  readonly width: number;
  readonly height: number;
}

export type LineSegment = readonly [Spot, Spot];

/** A label with the places at which it may stand: its upper left corners, the best one first. */
export interface LabelWish {
  readonly text: string;
  readonly width: number;
  readonly height: number;
  readonly spots: readonly Spot[];
}

export interface PlacedLabel extends Box {
  readonly text: string;
}

/** A label over another cannot be read; one over a line can, with difficulty. */
const OVER_LABEL = 1000;
const OVER_DOT = 3;

/**
 * Puts each label at the first of its spots that lies within the bounds and touches no other label, no line and no dot; where
 * every spot touches something, at the one that touches least. A label without a spot within the bounds is left out.
 */
export function placeLabels(
  wishes: readonly LabelWish[],
  {
    lines,
    dots,
    bounds,
  }: { readonly lines: readonly LineSegment[]; readonly dots: readonly Spot[]; readonly bounds: Box },
): PlacedLabel[] {
  const placed: PlacedLabel[] = [];
  for (const { text, width, height, spots } of wishes) {
    const boxes = spots.map((spot) => ({ ...spot, width, height })).filter((box) => contains(bounds, box));
    const cost = (box: Box): number =>
      placed.filter((other) => overlaps(box, other)).length * OVER_LABEL +
      lines.filter((line) => crosses(line, box)).length +
      dots.filter((dot) => isIn(dot, box)).length * OVER_DOT;
    let best: { readonly box: Box; readonly cost: number } | undefined;
    for (const box of boxes) {
      const of = cost(box);
      if (best === undefined || of < best.cost) best = { box, cost: of };
      if (of === 0) break;
    }
    if (best !== undefined && best.cost < OVER_LABEL) placed.push({ text, ...best.box });
  }
  return placed;
}

const contains = (outer: Box, inner: Box): boolean =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height;

const overlaps = (left: Box, right: Box): boolean =>
  left.x < right.x + right.width &&
  right.x < left.x + left.width &&
  left.y < right.y + right.height &&
  right.y < left.y + left.height;

const isIn = ({ x, y }: Spot, box: Box): boolean =>
  x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;

/** Whether a part of the segment lies in the box: Liang and Barsky's clipping. */
export function crosses([start, end]: LineSegment, box: Box): boolean {
  const [dx, dy] = [end.x - start.x, end.y - start.y];
  const edges = [
    [-dx, start.x - box.x],
    [dx, box.x + box.width - start.x],
    [-dy, start.y - box.y],
    [dy, box.y + box.height - start.y],
  ] as const;
  let [enters, leaves] = [0, 1];
  for (const [direction, distance] of edges) {
    if (direction === 0) {
      if (distance < 0) return false;
    } else if (direction < 0) enters = Math.max(enters, distance / direction);
    else leaves = Math.min(leaves, distance / direction);
  }
  return enters <= leaves;
}

/** About how wide a text is: no font is known here. */
export function textWidth(text: string, fontSize: number): number {
  let ems = 0;
  for (const character of text) ems += /[ -\u05ff\u2000-\u206f]/.test(character) ? 0.56 : 1;
  return ems * fontSize;
}
