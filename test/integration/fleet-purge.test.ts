import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { APART_MS, startFleetPair } from '../support/fleet-pair.ts';
import { eventually } from '../support/raw.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

/** One for all tests: it takes six seconds until a new one is trusted to know all hosts. */
let valkey: TestValkey;
before(async () => {
  if (withoutValkey === false) valkey = await startValkey();
});
after(() => valkey?.close());

const done = { status: 200, body: { workers: 2, purged: 2, entries: 2, hosts: 2, acknowledged: 2 } };

test('a purge reaches every worker of every host before it is answered', { skip: withoutValkey }, async () => {
  const fleet = await startFleetPair(valkey);
  const { a, b, generations } = fleet;
  for (const host of [a, b]) assert.deepEqual(await generations(host), ['1', '1']);
  fleet.generation = 2;
  for (const host of [a, b]) assert.deepEqual(await generations(host), ['1', '1'], 'it is stored');
  assert.deepEqual(await a.purge({ endpoint: 'app' }), done);
  for (const host of [a, b]) assert.deepEqual(await generations(host), ['2', '2']);
  fleet.generation = 3;
  assert.deepEqual(await b.purge({ host: 'a.example' }), done);
  for (const host of [a, b]) assert.deepEqual(await generations(host), ['3', '3']);
  fleet.generation = 4;
  assert.equal((await a.purge({ host: 'b.example' })).status, 200);
  for (const host of [a, b]) assert.deepEqual(await generations(host), ['3', '3'], 'another host of the cache');
});

test(
  'a host whose workers hang is named, and nobody gets an old reply when it is no longer waited for',
  { skip: withoutValkey },
  async () => {
    const fleet = await startFleetPair(valkey);
    const { a, b, generations } = fleet;
    await generations(b);
    const goOn = b.hang();
    fleet.generation = 2;
    const late = await a.purge();
    assert.equal(late.status, 202);
    assert.deepEqual([late.body.hosts, late.body.acknowledged, late.body.missing], [2, 1, ['b']]);
    assert.match(late.body.detail ?? '', /missing hosts/);
    await eventually('it is acknowledged without the workers', async () => (await a.purge()).status === 200, APART_MS);
    assert.deepEqual(await generations(b), ['2', '2'], 'their trust has ended');
    goOn();
    fleet.generation = 3;
    await fleet.isWhole();
    assert.equal((await a.purge()).status, 200);
    assert.deepEqual(await generations(b), ['3', '3']);
  },
);

test('a control that starts again goes on where the one before was', { skip: withoutValkey }, async () => {
  const fleet = await startFleetPair(valkey);
  const { a, b, generations } = fleet;
  await generations(b);
  await generations(b, '/y');
  await b.stopControl();
  fleet.generation = 2;
  assert.deepEqual((await a.purge({ endpoint: 'app', path: '/x' })).body.missing, ['b']);
  await b.startControl();
  await b.isConnected();
  await fleet.isWhole();
  assert.deepEqual(await generations(b), ['2', '2'], 'it has heard of the purge');
  assert.deepEqual(await generations(b, '/y'), ['1', '1'], 'the rest is still stored');
});
