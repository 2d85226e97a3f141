import type { Symbology } from './symbologies.ts';

const byLength: Readonly<Record<number, Symbology>> = { 8: 'ean8', 12: 'upca', 13: 'ean13' };

/** The symbology of a retail product's code by its number of digits; undefined if it is none. */
export const retailSymbology = (code: string): Symbology | undefined =>
  /^\d+$/.test(code) ? byLength[code.length] : undefined;
