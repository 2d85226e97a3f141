import type { FieldProblem } from './validate.ts';

/** Least difference between the reflectances of light and dark modules: grade C of ISO/IEC 15416 §5.4.1. */
const LEAST_CONTRAST = 0.4;

/**
 * Whether a reader can tell the colours apart: those of lasers and most imagers see by red light of 660 nm, in which red
 * bars are as light as paper. A screen's red channel stands for the reflectance in that light (IEC 61966-2-1).
 */
export function contrastProblem(color: string, background: string): FieldProblem | undefined {
  // Whatever lies behind is not known; people put labels on white.
  const light = background === 'transparent' ? 1 : redLight(background);
  const contrast = light - redLight(color);
  if (contrast >= LEAST_CONTRAST) return undefined;
  const got = `${Math.round(contrast * 100)} % between ${color} and ${background}`;
  const detail = `In the red light of readers, the bars must be at least ${LEAST_CONTRAST * 100} % darker than the background: got ${got}`;
  return { field: 'color', rule: 'contrast', detail };
}

/** Linear red of a colour as #rrggbb, 0 to 1. */
function redLight(color: string): number {
  const value = Number.parseInt(color.slice(1, 3), 16) / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}
