import { createRequire } from 'node:module';
import type { BarcodeRequest } from '../barcode/request.ts';
import { specOf } from '../barcode/symbologies.ts';
import type { FieldProblem } from '../barcode/validate.ts';
import { messageOf } from '../core/errors.ts';

/** What is used of bwip-js: it throws where the text is wrong. */
interface Bwip {
  raw(options: Readonly<Record<string, unknown>>): unknown;
}

/** BWIPP's Code 128 takes some more. */
const MAX_QUICK = 200;
/** Characters that a GS1-128 may hold without its brackets (General Specifications §5.4.1). */
const MAX_GS1_128 = 48;

/**
 * Checks application identifiers by the General Specifications: their lengths, characters, check digits and dates, and
 * which need or exclude each other. BWIPP, which bwip-js runs, has the tables of the GS1 Syntax Dictionary.
 */
export class Gs1Checker {
  #bwip: Bwip | undefined;

  /** What is wrong with the identifiers of a request; undefined for one without, or with sound ones. */
  problem({ symbology, text }: BarcodeRequest): FieldProblem | undefined {
    const { gs1, title } = specOf(symbology);
    if (gs1 === undefined) return undefined;
    const length = text.replaceAll(/[()]/g, '').length;
    if (symbology === 'gs1128' && length > MAX_GS1_128)
      return problem('too-long', `${title} takes at most ${MAX_GS1_128} characters without brackets: got ${length}`);
    // A Code 128 is the quickest for it to draw; longer texts need a symbol that holds them.
    const bcid = gs1 === 'link' ? 'gs1dldatamatrix' : length <= MAX_QUICK ? 'gs1-128' : 'gs1datamatrix';
    try {
      this.#load().raw({ bcid, text, lintreqs: true });
    } catch (error) {
      return fromBwipp(title, text, messageOf(error));
    }
    return undefined;
  }

  /** Loads it at the first such text: it takes some 60 ms and 20 MB, which most fleets never need. */
  #load(): Bwip {
    this.#bwip ??= createRequire(import.meta.url)('bwip-js/node') as Bwip;
    return this.#bwip;
  }
}

/** Its messages read "bwipp.GS1badChecksum#3251: AI 01: Bad checksum". */
function fromBwipp(title: string, text: string, message: string): FieldProblem {
  const [, name, reason] = /^bwipp\.(\w+)#\d+: (.*)$/s.exec(message) ?? [];
  if (name === undefined || reason === undefined) throw new Error(`The check of GS1 identifiers failed: ${message}`);
  const [, needs, needed] = /^One of more requisite AIs for AI \((\d+)\) are missing: (.*)$/.exec(reason) ?? [];
  if (needs !== undefined && needed !== undefined)
    return problem('combination', `${title}: (${needs}) stands only beside ${inWords(needed)}`);
  const [, identifier, what] = /^AI (\d+): (.*)$/.exec(reason) ?? [];
  if (identifier === undefined || what === undefined) return problem(ruleOf(name), `${title}: ${reason}`);
  const at = text.indexOf(`(${identifier})`);
  const element = at === -1 ? `(${identifier})` : (/^\(\d+\)[^(]*/.exec(text.slice(at))?.[0] ?? '');
  const detail = `${title}: ${element}: ${what.charAt(0).toLowerCase()}${what.slice(1)}`;
  return problem(ruleOf(name), detail, at === -1 ? undefined : at + 1);
}

/** `01 OR 02+37`, as BWIPP writes it. */
const inWords = (needed: string): string =>
  needed.replaceAll(/\d\w*/g, '($&)').replaceAll(' OR ', ' or ').replaceAll('+', ' and ');

const rules: readonly (readonly [pattern: RegExp, rule: string])[] = [
  [/checksum|checkpair/i, 'check-digit'],
  [/too(short|long)|length/i, 'length'],
  [/cset|character|numeric/i, 'charset'],
  [/month|day|hour|minute|second|date/i, 'date'],
  [/missing|exclusive|repeated/i, 'combination'],
  [/unknownAI/i, 'unknown-identifier'],
];

const ruleOf = (name: string): string => rules.find(([pattern]) => pattern.test(name))?.[1] ?? 'gs1';

const problem = (rule: string, detail: string, position?: number): FieldProblem => ({
  field: 'text',
  rule,
  detail,
  ...(position === undefined ? {} : { position }),
});
