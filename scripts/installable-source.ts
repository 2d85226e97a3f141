import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

/** A relative path of a TypeScript file as a whole text literal: of an import, of `new URL`, of a worker's entry. */
const REFERENCE = /(?<quote>['"])(?<path>\.{1,2}\/[^'"\n]+)\.ts\k<quote>/g;

/**
 * The JavaScript of a TypeScript file, with `.js` where it names another one. Types become spaces, so every line and
 * column stays where it is, and stack traces are true without a source map. Declarations keep their types.
 */
export function installableSource(text: string, file: string, exists: (path: string) => boolean): string {
  const code = file.endsWith('.d.ts') ? text : stripTypeScriptTypes(text, { mode: 'strip' });
  return code.replace(REFERENCE, (_whole: string, quote: string, path: string) => {
    if (!exists(join(dirname(file), `${path}.ts`)))
      throw new Error(`${file} names ${path}.ts, which does not exist: an installed package would not find it`);
    return `${quote}${path}.js${quote}`;
  });
}
