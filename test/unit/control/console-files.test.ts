import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Script } from 'node:vm';
import { fileURLToPath } from 'node:url';
import { ConsoleFiles } from '../../../src/control/console-files.ts';

const { files } = new ConsoleFiles();
const page = files.get('/')?.body.toString() ?? '';
/** The files that a browser loads for the first page. */
const first = [...page.matchAll(/(?:href|src)="(console\/[^"]+)"/g)].map(([, path]) => `/${path}`);

test('the page names files that are served, under names with a hash', () => {
  assert.ok(first.length >= 5);
  for (const path of first) assert.ok(files.has(path), path);
  assert.doesNotMatch(page, /\{\{/);
  for (const path of files.keys()) assert.match(path, /^\/(console\/[0-9a-f]{12}\/[\w.]+|runbook)?$/);
});

test('its modules fit into one scope, and never make HTML of a text', () => {
  const script = [...files].find(([path]) => path.endsWith('/console.js'))?.[1].body.toString() ?? '';
  assert.match(script, /^\/\/ console\/main\.ts$/m);
  // Two modules that declare the same name would be a syntax error.
  const asModule = (text: string): Script => new Script(`'use strict'; {${text}\n}`);
  assert.ok(asModule(script));
  assert.throws(() => asModule(`${script}\nfunction h() {}`), /already been declared/);
  assert.doesNotMatch(script, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/);
});

test('the page weighs at most 150 kB gzipped and takes at most 25 requests', () => {
  const paths = new Set(['/', ...first]);
  const bytes = [...files]
    .filter(([path]) => paths.has(path))
    .reduce((sum, [, { gzipped }]) => sum + gzipped.length, 0);
  assert.ok(bytes <= 150_000, `${bytes} bytes`);
  // Beside its files it asks for its session, the events and the history.
  assert.ok(paths.size + 3 <= 25, `${paths.size + 3} requests`);
});

test('files of others are those of the npm package that the note beside them names', () => {
  const digest = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(fileURLToPath(new URL(`../../../src/console/vendor/uplot-1.6.32/${name}`, import.meta.url))))
      .digest('hex');
  assert.equal(digest('uPlot.iife.min.js'), '19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f');
  assert.equal(digest('uPlot.min.css'), 'df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04');
});
