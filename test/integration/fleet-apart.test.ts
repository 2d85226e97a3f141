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

test(
  'without Valkey stored replies count as stale after five seconds, and clients see no error',
  { skip: withoutValkey },
  async () => {
    const fleet = await startFleetPair(valkey);
    const { a, b, generations } = fleet;
    for (const host of [a, b]) await generations(host);
    await valkey.kill();
    fleet.generation = 2;
    assert.deepEqual(await generations(b), ['1', '1'], 'nothing changes at once');
    const purged = await a.purge();
    assert.deepEqual([purged.status, purged.body.acknowledged], [202, 0]);
    assert.deepEqual(await generations(a), ['2', '2'], 'the host itself purges');
    await eventually('b asks again', async () => (await generations(b)).join() === '2,2', APART_MS);
    fleet.generation = 3;
    assert.deepEqual(await generations(b), ['3', '3'], 'each time');
    await valkey.start();
    await fleet.isWhole();
    for (const host of [a, b]) assert.deepEqual(await generations(host), ['3', '3']);
    fleet.generation = 4;
    for (const host of [a, b]) assert.deepEqual(await generations(host), ['3', '3'], 'it is stored again');
  },
);

test('a purge that a server has lost is issued again', { skip: withoutValkey }, async () => {
  const fleet = await startFleetPair(valkey);
  const { a, b, generations } = fleet;
  await generations(b);
  const { stream } = b.news;
  await valkey.kill();
  fleet.generation = 2;
  assert.equal((await a.purge()).status, 202);
  await valkey.start();
  await eventually('b has it', () => b.news.position > 0 && b.news.stream !== stream);
  assert.deepEqual(await generations(b), ['2', '2']);
});

test('after FLUSHALL every host forgets what it has stored', { skip: withoutValkey }, async () => {
  const fleet = await startFleetPair(valkey);
  const { a, b, generations } = fleet;
  for (const host of [a, b]) await generations(host);
  const streams = [a.news.stream, b.news.stream];
  fleet.generation = 2;
  assert.match(await valkey.say('FLUSHALL'), /OK/);
  await eventually('both read the new stream', () => [a, b].every(({ news }, i) => news.stream !== streams[i]));
  const unsure = await a.purge({ host: 'nobody.example' });
  assert.equal(unsure.status, 202);
  assert.match(unsure.body.detail ?? '', /new/);
  for (const host of [a, b]) assert.deepEqual(await generations(host), ['2', '2']);
  await fleet.isWhole();
});

test('a host that missed more news than the stream holds forgets everything', { skip: withoutValkey }, async () => {
  const fleet = await startFleetPair(valkey);
  const { a, b, generations } = fleet;
  await generations(b);
  await b.stopControl();
  fleet.generation = 2;
  await a.purge();
  assert.match(await valkey.say('XTRIM rampart:news:1:stream MAXLEN 0'), /:/);
  await b.startControl();
  await b.isConnected();
  await fleet.isWhole();
  assert.deepEqual(await generations(b), ['2', '2']);
});
