import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const gateway = fileURLToPath(new URL('../../../src/gateway', import.meta.url));

/** A folder for each version of HTTP that clients may speak. */
const isAdapter = (file: string): boolean => /^http[12]\//.test(file);

/** Names of Node's HTTP objects and of what only they have. */
const ofNode =
  /\b(IncomingMessage|ServerResponse|rawHeaders|httpVersion\w*|headersSent|writableEnded)\b|'node:http2?'/g;

/** Streams of their own, which have ends as a reply has. */
const others: Readonly<Record<string, readonly string[]>> = { 'websocket/tunnel.ts': ['writableEnded'] };

test('only the adapters in http1 and http2 know the objects of a protocol', () => {
  const files = globSync('**/*.ts', { cwd: gateway }).filter((file) => !isAdapter(file));
  assert.ok(files.length > 50);
  for (const file of files) {
    const found = readFileSync(join(gateway, file), 'utf8').match(ofNode) ?? [];
    assert.deepEqual([...new Set(found)], others[file] ?? [], file);
  }
});

test('only open-server.ts imports an adapter', () => {
  const importers = globSync('**/*.ts', { cwd: gateway })
    .filter((file) => !isAdapter(file))
    .filter((file) => /from '[^']*\/http[12]\//.test(readFileSync(join(gateway, file), 'utf8')));
  assert.deepEqual(importers.toSorted(), ['open-server.ts']);
});
