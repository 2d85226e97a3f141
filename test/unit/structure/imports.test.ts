import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { circles, crossesProcesses, folderOf, readSources } from '../../support/imports.ts';

const src = fileURLToPath(new URL('../../../src', import.meta.url));

/** From the ground up: a folder may import from itself and from those before it. */
const order = [
  'core',
  'metrics',
  'protocol',
  'barcode',
  'policy',
  'console',
  'config',
  'store',
  'gateway',
  'generator',
  'batch',
  'control',
  'supervisor',
  'lab',
  'cli',
];

const { files, imports, localImports } = readSources(src);

test('every folder of src has its place in the order of imports', () => {
  assert.deepEqual(new Set(files.map(folderOf)), new Set(order));
});

test('imports go one way: from a folder to itself and to those before it', () => {
  const wrong = imports.filter(({ file, specifier }) => {
    if (!specifier.startsWith('.')) return false;
    const target = relative(src, resolve(src, dirname(file), specifier));
    if (target.startsWith('..')) return false;
    return order.indexOf(folderOf(target)) > order.indexOf(folderOf(file));
  });
  assert.deepEqual(wrong, []);
});

test('the console imports only what runs in a browser: core, protocol and policies, no module of Node, no package', () => {
  for (const { file, specifier } of imports.filter(({ file }) => file.startsWith('console/'))) {
    const target = relative(src, resolve(src, dirname(file), specifier));
    assert.match(specifier.startsWith('.') ? target : specifier, /^(console|core|protocol|policy)\//, file);
  }
  const others = localImports.filter(
    ({ file, target }) => folderOf(target) === 'console' && folderOf(file) !== 'console',
  );
  assert.deepEqual(others, []);
});

test('no process imports from another one', () => {
  assert.deepEqual(localImports.filter(crossesProcesses), []);
});

test('there is no circle of files, type imports included', () => {
  assert.deepEqual(circles(localImports), []);
});

test('circles finds groups of files that import each other', () => {
  const of = (...pairs: string[]): { file: string; target: string }[] =>
    pairs.map((pair) => ({ file: pair.charAt(0), target: pair.charAt(1) }));
  assert.deepEqual(circles(of('ab', 'bc', 'ac')), []);
  assert.deepEqual(circles(of('ab', 'bc', 'ca', 'cd')), [['a', 'b', 'c']]);
  assert.deepEqual(circles(of('ab', 'ba', 'cd', 'de', 'ec')), [
    ['a', 'b'],
    ['c', 'd', 'e'],
  ]);
});

test('src/policy is pure: no Node module, no package, no clock, no chance', () => {
  const impure = imports.filter(({ file, specifier }) => file.startsWith('policy/') && !specifier.startsWith('.'));
  assert.deepEqual(impure, []);
  for (const file of files.filter((name) => name.startsWith('policy/'))) {
    const text = readFileSync(join(src, file), 'utf8');
    assert.doesNotMatch(
      text,
      /\b(Date|performance|setTimeout|setInterval|setImmediate|process|console|fetch)\b\s*[.(]|Math\.random/,
      file,
    );
  }
});

test('the simulator is as pure as the policies that it runs, and needs no more than them', () => {
  for (const { file, specifier } of imports.filter(({ file }) => file.startsWith('lab/simulator/'))) {
    const target = relative(src, resolve(src, dirname(file), specifier));
    assert.match(specifier.startsWith('.') ? target : specifier, /^(lab\/simulator|core|policy|metrics)\//, file);
  }
});

test('only src/core and src/cli read the real clock and real chance', () => {
  for (const file of files.filter((name) => !/^(core|cli)\//.test(name))) {
    const text = readFileSync(join(src, file), 'utf8');
    assert.doesNotMatch(
      text,
      /\bDate\.now\(|\bperformance\.now\(|\bMath\.random\b|(?<![.\w])set(Timeout|Interval)\(/,
      file,
    );
  }
});

test('only what is loaded for routes with tokens imports jose as a value: that loads 11 MB', () => {
  const importers = files.filter((name) =>
    /^import (?!type )[^;]*from 'jose';/m.test(readFileSync(join(src, name), 'utf8')),
  );
  assert.deepEqual(importers.toSorted(), ['gateway/auth/jwt-authenticator.ts', 'gateway/auth/key-set.ts']);
  const loaders = files.filter((name) =>
    /^import (?!type )[^;]*\/(?:jwt-authenticator|key-set)\.ts';/m.test(readFileSync(join(src, name), 'utf8')),
  );
  assert.deepEqual(loaders, ['gateway/auth/jwt-authenticator.ts']);
});

test('no file imports node:http as a value: that loads 14 MB which nobody uses (ADR 72)', () => {
  const values = files.filter((name) =>
    /^import (?!type )[^;]*from 'node:https?';/m.test(readFileSync(join(src, name), 'utf8')),
  );
  assert.deepEqual(values, []);
});
