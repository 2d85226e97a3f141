import { readFileSync } from 'node:fs';

export interface Product {
  /** EAN-13 (UPC-A where it starts with 0) or EAN-8. */
  readonly code: string;
  readonly name: string;
}

/** The products of src/lab/data/products-500.csv, or of another file like it. */
export function readProducts(
  file: string | URL = new URL('../../src/lab/data/products-500.csv', import.meta.url),
): Product[] {
  const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const comma = line.indexOf(',');
    const name = line.slice(comma + 1);
    const quoted = name.startsWith('"');
    return { code: line.slice(0, comma), name: quoted ? name.slice(1, -1).replaceAll('""', '"') : name };
  });
}
