import type { BarcodeRequest } from '../barcode/request.ts';
import type { FieldProblem } from '../barcode/validate.ts';

export type Turn = 0 | 90 | 180 | 270;

/** The appearance of an image beyond its modules. */
export interface Appearance {
  /** As #rrggbb. */
  readonly color: string;
  /** As #rrggbb; undefined: nothing is painted. */
  readonly background: string | undefined;
  /** Degrees clockwise. */
  readonly rotate: Turn;
  /** Dots an inch, if the caller or `widthMm` asks for a real size. */
  readonly dpi: number | undefined;
}

export const plainAppearance: Appearance = { color: '#000000', background: '#ffffff', rotate: 0, dpi: undefined };

/** Dots an inch of a printer, where `widthMm` is given without them. */
const PRINTER_DPI = 300;
/** Dots an inch where nobody asks: a pixel of CSS. */
const SCREEN_DPI = 96;
const MM_PER_INCH = 25.4;
const POINTS_PER_INCH = 72;

export function appearanceOf({ color, background, rotate, dpi, widthMm }: BarcodeRequest): Appearance {
  return {
    color: color ?? plainAppearance.color,
    background: background === 'transparent' ? undefined : (background ?? plainAppearance.background),
    rotate: rotate ?? 0,
    dpi: dpi ?? (widthMm === undefined ? undefined : PRINTER_DPI),
  };
}

/**
 * Dots a module: `scale`, or as many as `widthMm` has room for. A module is a whole number of dots, because bars of which
 * some are a dot wider than others are misread.
 */
export function scaleOf({ scale, widthMm, dpi = PRINTER_DPI }: BarcodeRequest, modules: number): number | FieldProblem {
  if (widthMm === undefined) return scale;
  const dots = Math.floor(((widthMm / MM_PER_INCH) * dpi) / modules + 1e-9);
  if (dots >= 1) return dots;
  const least = Math.ceil((modules / dpi) * MM_PER_INCH * 100) / 100;
  const detail = `A symbol of ${modules} modules is at least ${least} mm wide at ${dpi} dots an inch: got ${widthMm}`;
  return { field: 'widthMm', rule: 'too-small', detail };
}

export const millimetres = (dots: number, dpi: number): number => round((dots / dpi) * MM_PER_INCH);

/** Points of 1/72 inch. */
export const points = (dots: number, dpi: number | undefined): number =>
  round((dots / (dpi ?? SCREEN_DPI)) * POINTS_PER_INCH);

/** Width and height of a turned image. */
export const turnedSize = (width: number, height: number, rotate: Turn): readonly [width: number, height: number] =>
  rotate === 90 || rotate === 270 ? [height, width] : [width, height];

/**
 * The affine map [a b c d e f] that turns a figure of this size clockwise and moves it back to the origin, y downwards: a
 * point (x, y) comes to (ax + cy + e, bx + dy + f).
 */
export function turnMatrix(width: number, height: number, rotate: Turn): readonly number[] {
  switch (rotate) {
    case 0:
      return [1, 0, 0, 1, 0, 0];
    case 90:
      return [0, 1, -1, 0, height, 0];
    case 180:
      return [-1, 0, 0, -1, width, height];
    case 270:
      return [0, -1, 1, 0, 0, width];
  }
}

/** Red, green and blue from 0 to 1, as PDF and PostScript take them. */
export const rgb = (color: string): string =>
  [1, 3, 5].map((at) => round(Number.parseInt(color.slice(at, at + 2), 16) / 255)).join(' ');

const round = (value: number): number => Math.round(value * 1000) / 1000;
