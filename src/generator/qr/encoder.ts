import type { EcLevel } from '../../barcode/symbologies.ts';
import { bitLinesOf, darken, emptyLines, flipInto } from './bit-lines.ts';
import { codewordsOf, planFor } from './codewords.ts';
import { penaltyOf } from './penalty.ts';
import { ReedSolomon } from './reed-solomon.ts';
import { type Mask, type Template, templateOf } from './template.ts';

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
  const { size, masks } = template;
  const plainLines = bitLinesOf(plain, size);
  const masked = emptyLines(size);
  let best = 0;
  let least = Infinity;
  for (const [number, { lines }] of masks.entries()) {
    flipInto(masked, plainLines, lines);
    forFormat(template, level, number, (x, y) => darken(masked, x, y));
    const penalty = penaltyOf(masked, least);
    if (penalty < least) [best, least] = [number, penalty];
  }
  const mask = (masks[best] as Mask).modules;
  for (let at = 0; at < plain.length; at++) plain[at] = (plain[at] as number) ^ (mask[at] as number);
  forFormat(template, level, best, (x, y) => (plain[y * size + x] = 1));
  return plain;
}

/**
 * Visits the dark modules of the format information; those that it leaves light are light before. Five bits of level and
 * mask, ten of their BCH check, all flipped by a pattern so that they are never all zero (annex C).
 */
function forFormat({ format }: Template, level: EcLevel, mask: number, darkens: (x: number, y: number) => void): void {
  const data = (levelBits[level] << 3) | mask;
  let remainder = data;
  for (let bit = 0; bit < 10; bit++) remainder = (remainder << 1) ^ ((remainder >> 9) * 0x537);
  const bits = ((data << 10) | remainder) ^ 0x5412;
  for (const [bit, copies] of format.entries()) {
    if (((bits >> bit) & 1) === 0) continue;
    for (const [x, y] of copies) darkens(x, y);
  }
}
