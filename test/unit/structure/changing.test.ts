import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(join(root, 'docs/changing.md'), 'utf8');
const changes = page.split(/^## /m).slice(1);

/** The paths in a text; those with NEW are files that the change makes. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/`((?:src|test|prisma|docs)\/[^`]+)`/g)].map(([, path]) => path as string);

test('docs/changing.md names files that exist, and folders for new ones that exist', () => {
  const missing = pathsIn(page).filter((path) => !existsSync(join(root, path.includes('NEW') ? dirname(path) : path)));
  assert.deepEqual(missing, []);
});

/** The numbered steps that a change always takes. */
const neededSteps = (text: string): string[] =>
  text.split(/^(?=\d+\. )|\n\n/m).filter((step) => /^\d+\. /.test(step) && !/only if/i.test(step));

test('docs/changing.md has nineteen changes, each with a test, none with more than five files of src, or six for a column and a phase', () => {
  assert.equal(changes.length, 19);
  for (const change of changes) {
    const steps = change.split(/^Tests?: /m);
    const [title = ''] = change.split('\n', 1);
    assert.ok(steps.length === 2 && /`test\//.test(steps[1] as string), `${title}: its test`);
    const files = new Set(
      neededSteps(steps[0] as string)
        .flatMap(pathsIn)
        .filter((path) => path.startsWith('src/')),
    );
    assert.ok(files.size <= (/column|phase/.test(title) ? 6 : 5), `${title}: ${[...files].join(', ')}`);
  }
});
