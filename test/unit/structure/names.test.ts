import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../../../src', import.meta.url));

/** Names that two files may export, each with its reason. */
const allowed: Readonly<Record<string, string>> = {};

const declaration = /^export (?:abstract )?(?:async )?(?:type|interface|class|function\*?|const|let|enum) (\w+)/gm;

/** The files that export each name; what is exported again from elsewhere is declared there. */
function exportsOf(files: ReadonlyMap<string, string>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [file, text] of files) {
    // A type and a value of one file may share a name: an enumeration of constants and its type.
    for (const name of new Set([...text.matchAll(declaration)].map(([, name = '']) => name))) {
      found.set(name, [...(found.get(name) ?? []), file]);
    }
  }
  return found;
}

const sharedIn = (files: ReadonlyMap<string, string>): Record<string, string[]> =>
  Object.fromEntries([...exportsOf(files)].filter(([, holders]) => holders.length > 1));

test('a name that src exports is declared in one file: one word for one thing', () => {
  const names = globSync('**/*.ts', { cwd: src }).filter((file) => !file.startsWith('store/generated/'));
  const shared = sharedIn(new Map(names.map((file) => [file, readFileSync(join(src, file), 'utf8')])));
  assert.deepEqual(Object.fromEntries(Object.entries(shared).filter(([name]) => !Object.hasOwn(allowed, name))), {});
  assert.deepEqual(
    Object.keys(allowed).filter((name) => !Object.hasOwn(shared, name)),
    [],
    'an exception that is needed no longer',
  );
});

test('every kind of export counts, and a second export from elsewhere does not', () => {
  const files = new Map([
    ['a.ts', 'export interface Reply {}\nexport const one = 1;\nexport async function go() {}\nexport class Own {}'],
    ['b.ts', "export type Reply = 1;\nexport { one } from './a.ts';\nexport function go() {}\nconst Own = 1;"],
  ]);
  assert.deepEqual(sharedIn(files), { Reply: ['a.ts', 'b.ts'], go: ['a.ts', 'b.ts'] });
});
