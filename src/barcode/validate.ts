import { expandUpce, gs1CheckDigit, isbn10CheckDigit, shortenUpca } from './check-digit.ts';
import { type Symbology, type SymbologySpec, specOf } from './symbologies.ts';

/** One thing wrong with a request: which field, which rule of it, and a sentence for people. */
export interface FieldProblem {
  readonly field: string;
  readonly rule: string;
  readonly detail: string;
  /** The character of the field that is wrong, from 1 on, if it is one. */
  readonly position?: number;
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
  // Half of a surrogate pair has no UTF-8 form, so no symbol could give it back.
  if (!text.isWellFormed()) return refuse('well-formed', 'The text holds half of a surrogate pair');
  if (!spec.charset.test(text)) return wrongCharset(spec, text);
  if (symbology === 'isbn') return checkIsbn(text);
  if (symbology === 'upce' && text.length > 8) return checkUpca(text);
  if (spec.lengths !== undefined) return checkDigits(symbology, spec, spec.lengths, text);
  if (symbology === 'itf' && text.length % 2 === 1) {
    return refuse('even-length', `ITF takes an even number of digits: got ${text.length}`);
  }
  return spec.gs1 === 'elements' ? checkElements(text) : { ok: true, text };
}

/** Names the first character that the symbology does not have; a text of allowed characters has the wrong form. */
function wrongCharset({ title, takes, character }: SymbologySpec, text: string): TextCheck {
  const characters = [...text];
  const index = character === undefined ? -1 : characters.findIndex((one) => !character.test(one));
  if (index === -1) return refuse('charset', `${title} takes ${takes}: got ${quote(text)}`);
  const position = index + 1;
  const detail = `${title} takes ${takes}: character ${position} is ${quote(characters[index] ?? '')}`;
  return { ok: false, problem: { field: 'text', rule: 'charset', detail, position } };
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

/** ISBN-13, or ISBN-10 as an ISBN-13 (ISBN Users' Manual §4 and §5); hyphens stay where they are. */
function checkIsbn(text: string): TextCheck {
  const plain = text.replaceAll('-', '');
  if (plain.length === 10) {
    const body = plain.slice(0, 9);
    const digit = isbn10CheckDigit(body);
    if (!plain.endsWith(digit)) return refuse('check-digit', `ISBN ${text} must end in ${digit}, its check digit`);
    const prefix = text.includes('-') ? '978-' : '978';
    return { ok: true, text: `${prefix}${text.slice(0, -1)}${gs1CheckDigit(`978${body}`)}` };
  }
  if (plain.length !== 13) return refuse('length', `ISBN takes 13 digits, or 10: got ${plain.length}`);
  if (!/^97[89]/.test(plain)) return refuse('number-system', `ISBN ${text} must start with 978 or 979`);
  const digit = gs1CheckDigit(plain.slice(0, 12));
  if (!plain.endsWith(digit)) return refuse('check-digit', `ISBN ${text} must end in ${digit}, its check digit`);
  return { ok: true, text };
}

/** A UPC-A of 11 or 12 digits as UPC-E. */
function checkUpca(text: string): TextCheck {
  if (text.length < 11) return refuse('length', `UPC-E takes 8 digits, or the 12 of a UPC-A: got ${text.length}`);
  const body = text.slice(0, 11);
  const digit = gs1CheckDigit(body);
  if (text.length === 12 && !text.endsWith(digit))
    return refuse('check-digit', `UPC-A ${text} must end in ${digit}, its check digit`);
  const short = shortenUpca(body);
  if (short !== undefined) return { ok: true, text: short + digit };
  return refuse(
    'zero-suppression',
    `UPC-A ${text} has no UPC-E, because its zeros do not stand where one leaves them out`,
  );
}

function refuse(rule: string, detail: string): TextCheck {
  return { ok: false, problem: { field: 'text', rule, detail } };
}

/** The text as it may stand in a message: escaped, and cut so that a long one does not come back whole. */
function quote(text: string): string {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return JSON.stringify(shown);
}
