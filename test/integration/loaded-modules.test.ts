import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../src/store/migrations.ts';
import { withPostgres } from '../support/postgres.ts';

const postgres = withPostgres();
const src = new URL('../../src/', import.meta.url);
const run = promisify(execFile);

/** Calls of a store in a process of their own, and whether Prisma's client was loaded for them. */
const program = (url: string, calls: string): string => `
import { registerHooks } from 'node:module';
let isLoaded = false;
registerHooks({ load(url, context, next) { isLoaded ||= url.endsWith('/generated/client.ts'); return next(url, context); } });
const { openStore } = await import('${new URL('store/store.ts', src)}');
const { systemClock } = await import('${new URL('core/clock.ts', src)}');
const { uuidv7 } = await import('${new URL('core/ids.ts', src)}');
const options = { url: '${url}', poolMax: 4, poolTimeoutMs: 5000, applicationName: 'test', clock: systemClock };
const store = openStore(options);
const [keyId, id] = [uuidv7(0), uuidv7(systemClock.wallNow())];
const terms = { keyId, maxRows: 10, maxBytes: 1000, withImages: false, prefix: '' };
${calls}
await store.close();
console.log(isLoaded);`;

for (const [name, expected, calls] of [
  [
    'what a gateway worker asks of PostgreSQL loads no Prisma client',
    'false',
    `await store.keys.findByHash(new Uint8Array(32));
     await store.barcodes.get(keyId, id);
     await store.barcodes.getImage(keyId, id);
     await store.barcodes.list({ keyId, pageSize: 1 });
     await store.barcodes.exportPage(terms, new AbortController().signal);
     await store.batches.get(keyId, id);`,
  ],
  // So that the test can fail.
  ['the list of keys loads it', 'true', 'await store.keys.list();'],
] as const)
  test(name, async () => {
    const url = await postgres.database();
    await migrate(url);
    const args = ['--no-warnings', '--input-type=module', '-e', program(url, calls)];
    const { stdout } = await run(process.execPath, args, { cwd: fileURLToPath(src) });
    assert.equal(stdout.trim(), expected);
  });
