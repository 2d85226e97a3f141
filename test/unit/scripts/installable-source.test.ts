import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installableSource } from '../../../scripts/installable-source.ts';

const existing = (path: string): boolean => ['/src/a/b.ts', '/src/c.ts'].includes(path);
const made = (text: string): string => installableSource(text, '/src/a/main.ts', existing);

test('installableSource removes types and keeps every line and column', () => {
  const text = "import type { C } from '../c.ts';\nexport const d = (e: C): number => e.f as number;\n";
  const lines = made(text).split('\n');
  assert.deepEqual(
    lines.map((line) => line.length),
    text.split('\n').map((line) => line.length),
  );
  assert.equal(lines[0]?.trim(), '');
  assert.match(lines[1] ?? '', /^export const d = \(e +\) +=> e\.f +;$/);
});

test('installableSource names the made file wherever a source is named', () => {
  assert.equal(made("import './b.ts';"), "import './b.js';");
  assert.equal(made("new URL('../c.ts', import.meta.url);"), "new URL('../c.js', import.meta.url);");
  assert.equal(made("await import('./b.ts');"), "await import('./b.js');");
});

test('installableSource leaves names alone that are no relative paths', () => {
  for (const text of ["const f = 'rampart.config.ts';", "const g = 'see ./b.ts for more';", "import 'ts';"])
    assert.equal(made(text), text);
});

test('installableSource refuses a path to a source that does not exist', () => {
  assert.throws(() => made("new URL('./gone.ts', import.meta.url);"), /names \.\/gone\.ts, which does not exist/);
});
