import type { Mix } from '../load/mix.ts';

/** createBarcode with a text of its own for each request: what the cache could answer is not what is measured. */
export function createBarcodeMix(key: string): Mix {
  return {
    endpoints: [
      {
        endpoint: 'createBarcode',
        weight: 1,
        method: 'POST',
        path: '/v1/barcodes',
        headers: { 'content-type': 'application/json' },
        body: '{"symbology":"qrcode","text":"https://example.com/item/{{n}}","format":"svg"}',
      },
    ],
    headers: { authorization: `Bearer ${key}` },
    rows: [],
    seed: 1,
  };
}
