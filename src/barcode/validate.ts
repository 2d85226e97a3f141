import { expandUpce, gs1CheckDigit } from './check-digit.ts';
import { type Symbology, type SymbologySpec, specOf } from './symbologies.ts';

/** One thing wrong with a request: which field, which rule of it, and a sentence for people. */
export interface FieldProblem {
  readonly field: string;
  readonly rule: string;
  readonly detail: string;
}

export type TextCheck =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: FieldProblem };

/**
 * Checks what can be known about a text without encoding it, and completes it.
 *
 * A text that lacks only its check digit (EAN, UPC, DataBar) comes back with it: what is recorded and
 * printed is then what a scanner reads. A wrong check digit is refused, never corrected.
 */
export function checkText(symbology: Symbology, text: string): TextCheck {
  const spec = specOf(symbology);
  if (text.length > spec.maxLength) {
    return refuse('too-long', `${spec.title} takes at most ${spec.maxLength} characters: got ${text.length}`);
  }
  if (!spec.charset.test(text)) return refuse('charset', `${spec.title} takes ${spec.takes}: got ${quote(text)}`);
  // Half of a surrogate pair has no UTF-8 form, so no symbol could give it back.
  if (!text.isWellFormed()) return refuse('well-formed', 'The text holds half of a surrogate pair');
  if (spec.lengths !== undefined) return checkDigits(symbology, spec, spec.lengths, text);
  if (symbology === 'itf' && text.length % 2 === 1) {
    return refuse('even-length', `ITF takes an even number of digits: got ${text.length}`);
  }
  return symbology.startsWith('databarexpanded') ? checkElements(text) : { ok: true, text };
}

/** Application identifiers of a number of fixed length with a check digit: shipping containers and trade items. */
const keyLengths: Readonly<Record<string, number>> = { '00': 18, '01': 14, '02': 14 };

function checkElements(text: string): TextCheck {
  for (const [element, identifier = '', key = ''] of text.matchAll(/\((\d+)\)([^(]*)/g)) {
    const length = keyLengths[identifier];
    if (length === undefined) continue;
    if (!/^\d+$/.test(key) || key.length !== length) {
      return refuse('length', `(${identifier}) takes ${length} digits: got ${key}`);
    }
    const digit = gs1CheckDigit(key.slice(0, -1));
    if (!key.endsWith(digit)) return refuse('check-digit', `${element} must end in ${digit}, its check digit`);
  }
  return { ok: true, text };
}

function checkDigits(symbology: Symbology, spec: SymbologySpec, lengths: readonly number[], text: string): TextCheck {
  if (!lengths.includes(text.length)) {
    return refuse('length', `${spec.title} takes ${spec.takes}: got ${text.length} digits`);
  }
  const body = text.slice(0, Math.min(...lengths));
  if (symbology === 'upce' && !/^[01]/.test(body))
    return refuse('number-system', `UPC-E ${text} must start with 0 or 1`);
  if (symbology === 'databarlimited' && !/^[01]/.test(body)) {
    return refuse('number-system', `GS1 DataBar Limited ${text} must start with 0 or 1`);
  }
  const digit = gs1CheckDigit(symbology === 'upce' ? expandUpce(body) : body);
  const whole = body + digit;
  if (text.length === whole.length && text !== whole) {
    return refuse('check-digit', `${spec.title} ${text} must end in ${digit}, its check digit`);
  }
  return { ok: true, text: whole };
}

function refuse(rule: string, detail: string): TextCheck {
  return { ok: false, problem: { field: 'text', rule, detail } };
}

/** The text as it may stand in a message: escaped, and cut so that a long one does not come back whole. */
function quote(text: string): string {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return JSON.stringify(shown);
}
