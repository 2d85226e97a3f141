import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Store } from '../../src/store/store.ts';
import { get } from '../support/caching.ts';
import { FleetCacheHost } from '../support/fleet-cache.ts';
import { temporaryFolder, withPostgres } from '../support/postgres.ts';
import { startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { runRampart } from '../support/stack.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

/** Keys are not looked up again for half a minute, unless their host hears that they have changed. */
const SOON_MS = 3000;

describe('revoked keys over a fleet', { skip: withoutValkey }, () => {
  const postgres = withPostgres();
  let valkey: TestValkey;
  let store: Store;
  let url: string;
  before(async () => {
    valkey = await startValkey();
    url = await postgres.database();
    store = await postgres.store({ url });
  });
  after(() => valkey?.close());

  async function startHosts(): Promise<readonly FleetCacheHost[]> {
    const { origin } = await startBackend((_req, res) => void res.end('ok'));
    const { keys, fleetNews } = store;
    const hosts = [];
    for (const host of ['a', 'b']) {
      const findKey = async (hash: Uint8Array) => {
        const found = await keys.findByHash(hash);
        return found === undefined || found.revokedAtMs !== undefined ? undefined : { id: found.id, name: found.name };
      };
      const options = { host, valkeyUrl: valkey.url, origin, fleetNews, keys, findKey, authenticate: true };
      hosts.push(await FleetCacheHost.start(options));
    }
    return hosts;
  }

  const statuses = async (hosts: readonly FleetCacheHost[], key: string): Promise<number[]> => {
    const found = [];
    for (const worker of hosts.flatMap(({ workers }) => workers))
      found.push((await get(worker, '/x', { authorization: `Bearer ${key}`, 'cache-control': 'no-store' })).status);
    return found;
  };

  test('DELETE /api/keys/{id} is answered when every host refuses the key', async () => {
    const hosts = await startHosts();
    const [a] = hosts as [FleetCacheHost];
    await eventually('the hosts know each other', async () => (await a.purge({ host: 'x.example' })).status === 200);
    const { record, text } = await store.keys.create('shop');
    assert.deepEqual(await statuses(hosts, text), [200, 200, 200, 200]);
    const revoked = await a.revoke(record.id);
    assert.deepEqual([revoked.status, revoked.body.hosts, revoked.body.acknowledged], [200, 2, 2]);
    assert.deepEqual(await statuses(hosts, text), [401, 401, 401, 401]);
    assert.equal((await store.fleetNews.recent()).filter(({ kind }) => kind === 'keys').length, 1);
  });

  test('rampart keys revoke reaches all hosts, also where no control runs', async () => {
    const hosts = await startHosts();
    const { record, text } = await store.keys.create('shop');
    assert.deepEqual(await statuses(hosts, text), [200, 200, 200, 200]);
    const settings = { DATABASE_URL: url, VALKEY_URL: valkey.url, RAMPART_DATA_DIR: await temporaryFolder() };
    const { code, stderr } = await runRampart(['keys', 'revoke', record.id], settings);
    assert.deepEqual([code, stderr], [0, '']);
    await eventually(
      'every host refuses it',
      async () => (await statuses(hosts, text)).every((status) => status === 401),
      SOON_MS,
    );
  });

  test('a host without Valkey checks keys again before it trusts them', async () => {
    const hosts = await startHosts();
    const { record, text } = await store.keys.create('shop');
    assert.deepEqual(await statuses(hosts, text), [200, 200, 200, 200]);
    await valkey.kill();
    await store.keys.revoke(record.id);
    await eventually(
      'every host refuses it',
      async () => (await statuses(hosts, text)).every((status) => status === 401),
      9000,
    );
    await valkey.start();
  });
});
