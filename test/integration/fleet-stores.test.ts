import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { type Stack, stackSettings, startStack } from '../support/stack.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

const LIMIT_MS = 15_000;

describe('a host whose Valkeys go away', { skip: withoutValkey }, () => {
  let valkey: TestValkey;
  let cache: TestValkey;
  let stack: Stack;

  before(async () => {
    [valkey, cache] = await Promise.all([startValkey(), startValkey('--maxmemory-policy', 'allkeys-lru')]);
    stack = await startStack(
      await stackSettings({ GATEWAY_WORKERS: '1', VALKEY_URL: valkey.url, VALKEY_CACHE_URL: cache.url }),
    );
  });
  after(async () => {
    await stack.stop();
    await Promise.all([valkey.close(), cache.close()]);
  });

  const health = async (name = ''): Promise<string> => {
    const reply = await fetch(`${stack.adminUrl}/api/health${name}`);
    return `${reply.status} ${((await reply.json()) as { status: string }).status}`;
  };
  const becomes = (wanted: string, read: () => Promise<string>): Promise<void> =>
    eventually(wanted, async () => (await read()) === wanted, LIMIT_MS);
  const cause = async (): Promise<string> =>
    ((await (await fetch(`${stack.adminUrl}/api/status`)).json()) as { verdict: { cause_id: string } }).verdict
      .cause_id;

  test('without the shared cache it is degraded and not down, and well again when the cache is back', async () => {
    await becomes('200 up', () => health());
    assert.equal(await health('/valkey-cache'), '200 up');
    await cache.kill();
    await becomes('503 down', () => health('/valkey-cache'));
    assert.equal(await health(), '200 degraded');
    assert.equal(await health('/valkey'), '200 up');
    await becomes('shared-cache-away', cause);
    const status = await stack.run('status');
    assert.equal(status.code, 1);
    assert.match(status.stdout, /degraded since .*: the shared cache does not answer \(.*ECONNREFUSED/);
    await cache.start();
    await becomes('200 up', () => health('/valkey-cache'));
    await becomes('none', cause);
  });

  test('without the news of its fleet it is degraded, and says so in status and top', async () => {
    await valkey.kill();
    await becomes('fleet-news-apart', cause);
    const status = await stack.run('status');
    assert.equal(status.code, 1);
    assert.match(status.stdout, /degraded since .*: this host hears no news of the other hosts \(/);
    const top = await stack.run('top', '--once');
    assert.equal(top.code, 1);
    assert.match(top.stdout, /DEGRADED for .*: this host hears no news/);
    await valkey.start();
    await becomes('none', cause);
  });
});
