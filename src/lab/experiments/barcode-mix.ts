import { readFileSync } from 'node:fs';
import { readDataRows } from '../load/data-rows.ts';
import type { Mix } from '../load/mix.ts';

/** No header where there is no key. */
export const authorizationOf = (key: string): Readonly<Record<string, string>> =>
  key === '' ? {} : { authorization: `Bearer ${key}` };

/** createBarcode with a text of its own for each request: what the cache could answer is not what is measured. */
export function createBarcodeMix(key: string): Mix {
  return barcodeMix(key, 'https://example.com/item/{{n}}', []);
}

/** The same with names and codes of real products, in many scripts; the number makes each text one of its own. */
export function productBarcodeMix(key: string): Mix {
  const read = readDataRows(readFileSync(new URL('../data/products-500.csv', import.meta.url), 'utf8'));
  if (!read.ok) throw new Error(`Cannot read the products: ${read.problem}`);
  return barcodeMix(key, '{{code}} {{name}} #{{n}}', read.rows);
}

function barcodeMix(key: string, text: string, rows: Mix['rows']): Mix {
  return {
    endpoints: [
      {
        endpoint: 'createBarcode',
        weight: 1,
        method: 'POST',
        path: '/v1/barcodes',
        headers: { 'content-type': 'application/json' },
        body: `{"symbology":"qrcode","text":"${text}","format":"svg"}`,
      },
    ],
    headers: authorizationOf(key),
    rows,
    seed: 1,
  };
}
