import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BatchClient, qrcodes } from '../support/batch-client.ts';
import { startStack, type Stack, stackSettings } from '../support/stack.ts';

/** Items a second of each key. */
const RATE = 40;

describe('bulkLimit', () => {
  let stack: Stack;
  let client: BatchClient;
  before(async () => {
    const settings = await stackSettings();
    const file = join(settings['RAMPART_DATA_DIR'] as string, 'rampart.config.ts');
    const limit = { requestsPerSecond: RATE, burst: RATE };
    // A limit of requests, which items must not count towards.
    const config = { bulkLimit: limit, keyLimit: { requestsPerSecond: 1000, burst: 60 } };
    writeFileSync(file, `export default ${JSON.stringify(config)};\n`);
    stack = await startStack({ ...settings, RAMPART_CONFIG: file });
    client = new BatchClient(stack);
  });
  after(async () => assert.equal(await stack.stop(), 0));

  test('bounds the items of a key, holds up no other key, and leaves the rate of its requests alone', async () => {
    const { stdout } = await stack.run('keys', 'create', '--name', 'another', '--json');
    const other = new BatchClient({ url: stack.url, key: (JSON.parse(stdout) as { key: string }).key });
    const since = performance.now();
    const large = await client.create(qrcodes(8 * RATE, 'large'));
    const small = await other.create(qrcodes(10, 'small'));
    assert.equal((await other.whenEnded(small)).done, 10);
    const { done } = await client.state(large);
    assert.ok(done < 8 * RATE, 'the large one is still under way');
    // The burst of requests is there, though the items have used up theirs.
    const statuses = await Promise.all(
      Array.from({ length: 40 }, async () => (await client.fetch('/v1/batches')).status),
    );
    assert.deepEqual(new Set(statuses), new Set([200]));
    const ended = await client.whenEnded(large);
    assert.deepEqual([ended.status, ended.done, ended.failed], ['completed', 8 * RATE, 0]);
    const seconds = (performance.now() - since) / 1000;
    assert.ok(seconds > 6, `at most ${RATE} a second after a burst of ${RATE}: took ${seconds} s`);
  });
});
