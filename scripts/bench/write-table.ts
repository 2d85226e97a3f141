import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Puts a table into a page of docs/, between `<!-- name -->` and `<!-- end -->`. */
export function writeTable(page: string, name: string, table: string): void {
  const path = fileURLToPath(new URL(`../../docs/${page}`, import.meta.url));
  const before = readFileSync(path, 'utf8');
  const after = before.replace(
    new RegExp(`(<!-- ${name} -->\\n)[^]*?(\\n<!-- end -->)`),
    (_all, open: string, close: string) => `${open}\n${table}\n${close}`,
  );
  if (after === before && !before.includes(table)) throw new Error(`docs/${page} has no place for the table ${name}`);
  writeFileSync(path, after);
}
