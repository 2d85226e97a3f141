import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const gateway = fileURLToPath(new URL('../../../src/gateway', import.meta.url));

/** Names of Node's HTTP/1.1 objects and of what only they have. */
const ofHttp1 =
  /\b(IncomingMessage|ServerResponse|rawHeaders|httpVersion\w*|headersSent|writableEnded)\b|'node:http2?'/g;

/** Streams of their own, which have ends as a reply has. */
const others: Readonly<Record<string, readonly string[]>> = { 'websocket/tunnel.ts': ['writableEnded'] };

test('only the adapter in http1 knows the objects of HTTP/1.1', () => {
  const files = globSync('**/*.ts', { cwd: gateway }).filter((file) => !file.startsWith('http1/'));
  assert.ok(files.length > 50);
  for (const file of files) {
    const found = readFileSync(join(gateway, file), 'utf8').match(ofHttp1) ?? [];
    assert.deepEqual([...new Set(found)], others[file] ?? [], file);
  }
});

test('only the place that opens the server knows the adapters', () => {
  const importers = globSync('**/*.ts', { cwd: gateway })
    .filter((file) => !file.startsWith('http1/'))
    .filter((file) => /from '[^']*\/http1\//.test(readFileSync(join(gateway, file), 'utf8')));
  assert.deepEqual(importers.toSorted(), ['open-server.ts']);
});
