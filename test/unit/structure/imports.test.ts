import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../../../src', import.meta.url));

/** From the ground up: a folder may import from itself and from those before it. */
const order = [
  'core',
  'metrics',
  'protocol',
  'barcode',
  'policy',
  'config',
  'store',
  'gateway',
  'generator',
  'control',
  'supervisor',
  'lab',
  'cli',
];

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), 'utf8');
  const found = text.matchAll(
    /^\s*(import|export)\s+(type\s+)?[^'"]*?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map((match) => ({
    file,
    specifier: (match[3] ?? match[4]) as string,
    typeOnly: match[2] !== undefined,
  }));
}

const files = globSync('**/*.ts', { cwd: src }).filter((file) => !file.startsWith('store/generated/'));
const imports = files.flatMap(importsOf);
const folderOf = (path: string): string => path.split('/')[0] as string;

/** Imports of files of src, with the file that is meant. */
const localImports = imports
  .filter(({ specifier }) => specifier.startsWith('.'))
  .map(({ file, specifier }) => ({ file, target: relative(src, resolve(src, dirname(file), specifier)) }))
  .filter(({ target }) => !target.startsWith('..'));

/** The groups of files that import each other: the strongly connected components of more than one file (Tarjan 1972). */
function circles(edges: readonly { readonly file: string; readonly target: string }[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { file, target } of edges) targets.set(file, [...(targets.get(file) ?? []), target]);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file) as number);
    stack.push(file);
    for (const target of targets.get(file) ?? []) {
      if (!index.has(target)) visit(target);
      if (stack.includes(target)) low.set(file, Math.min(low.get(file) as number, low.get(target) as number));
    }
    if (low.get(file) !== index.get(file)) return;
    const group = stack.splice(stack.indexOf(file));
    if (group.length > 1) found.push(group.toSorted());
  };
  for (const file of targets.keys()) if (!index.has(file)) visit(file);
  return found;
}

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

/** Processes of their own: what they exchange is in src/protocol. */
const processes: ReadonlySet<string> = new Set(['gateway', 'generator', 'control', 'supervisor']);

test('no process imports from another one', () => {
  const wrong = localImports.filter(
    ({ file, target }) =>
      processes.has(folderOf(file)) && processes.has(folderOf(target)) && folderOf(file) !== folderOf(target),
  );
  assert.deepEqual(wrong, []);
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

test('no file imports node:http as a value: that loads 14 MB which nobody uses (ADR 72)', () => {
  const values = files.filter((name) =>
    /^import (?!type )[^;]*from 'node:https?';/m.test(readFileSync(join(src, name), 'utf8')),
  );
  assert.deepEqual(values, []);
});
