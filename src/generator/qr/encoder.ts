import type { EcLevel } from '../../barcode/symbologies.ts';
import { codewordsOf, planFor } from './codewords.ts';
import { penaltyOf } from './penalty.ts';
import { ReedSolomon } from './reed-solomon.ts';
import { type Template, formatPlaces, templateOf } from './template.ts';

const levelBits: Record<EcLevel, number> = { L: 1, M: 0, Q: 3, H: 2 };

/** One byte a module, row by row, 1 where it is dark. */
export interface QrSymbol {
  readonly modules: Uint8Array;
  readonly size: number;
  readonly version: number;
}

/**
 * An encoder for QR Code (ISO/IEC 18004), model 2, versions 1 to 40.
 *
 * It is here beside the encoder for everything else because that one takes three times as long: it makes
 * three pictures in each call. Text beyond ASCII is UTF-8, and says so (ECI 26).
 */
export class QrEncoder {
  readonly #reedSolomon = new ReedSolomon();
  /** By version; a template takes much longer to make than a symbol. */
  readonly #templates = new Map<number, Template>();

  /** The smallest symbol that holds the text, or undefined where none does. */
  encode(text: string, level: EcLevel): QrSymbol | undefined {
    const plan = planFor(text, level);
    if (plan === undefined) return undefined;
    const template = this.#template(plan.version);
    const plain = place(codewordsOf(plan, level, this.#reedSolomon), template);
    return { modules: bestMasked(plain, template, level), size: template.size, version: plan.version };
  }

  #template(version: number): Template {
    const known = this.#templates.get(version);
    if (known !== undefined) return known;
    const template = templateOf(version);
    this.#templates.set(version, template);
    return template;
  }
}

function place(codewords: Uint8Array, { patterns, path }: Template): Uint8Array {
  const modules = patterns.slice();
  // The few modules beyond the last codeword stay light.
  for (let at = 0, bits = codewords.length * 8; at < bits; at++) {
    modules[path[at] ?? 0] = ((codewords[at >> 3] ?? 0) >> (7 - (at & 7))) & 1;
  }
  return modules;
}

function bestMasked(plain: Uint8Array, template: Template, level: EcLevel): Uint8Array {
  let best = plain;
  let least = Infinity;
  template.masks.forEach((mask, number) => {
    const masked = new Uint8Array(plain.length);
    for (let at = 0; at < plain.length; at++) masked[at] = (plain[at] ?? 0) ^ (mask[at] ?? 0);
    drawFormat(masked, template.size, (levelBits[level] << 3) | number);
    const penalty = penaltyOf(masked, template.size, least);
    if (penalty < least) [best, least] = [masked, penalty];
  });
  return best;
}

/** Five bits of level and mask, ten of their BCH check, all flipped by a pattern so that they are never all zero (annex C). */
function drawFormat(modules: Uint8Array, size: number, data: number): void {
  let remainder = data;
  for (let bit = 0; bit < 10; bit++) remainder = (remainder << 1) ^ ((remainder >> 9) * 0x537);
  const bits = ((data << 10) | remainder) ^ 0x5412;
  formatPlaces(size).forEach((copies, bit) => {
    for (const [x, y] of copies) modules[y * size + x] = (bits >> bit) & 1;
  });
}
