import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const runtime = (await import(fileURLToPath(new URL('../../../scripts/runtime.mjs', import.meta.url)))) as {
  isAtLeast(version: string, wanted: string): boolean;
  findNode(): string;
};

test('isAtLeast compares versions by number, part by part', () => {
  for (const [version, wanted, expected] of [
    ['26.12.1', '26.12.1', true],
    ['26.12.1', '26.9.3', true],
    ['27.0.0', '26.12.1', true],
    ['26.9.3', '26.12.1', false],
    ['24.22.3', '26.12.1', false],
    ['26.13.0-nightly', '26.12.1', true],
  ] as const)
    assert.equal(runtime.isAtLeast(version, wanted), expected, `${version} ${wanted}`);
});

test('findNode finds the Node of the npm package for this platform', () => {
  assert.match(
    runtime.findNode(),
    new RegExp(`node_modules/node(-bin)?-${process.platform}-${process.arch}/bin/node$`),
  );
});
