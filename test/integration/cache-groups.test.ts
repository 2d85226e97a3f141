import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PurgeTarget } from '../../src/protocol/cache-order.ts';
import { get, startCaching } from '../support/caching.ts';
import type { TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/raw.ts';

/** Answers a GET with the groups of `?in=`, and other methods with the groups that they invalidate. */
const startGrouped = (cache: { ttlSeconds: number; staleWhileRevalidateSeconds?: number } = { ttlSeconds: 60 }) =>
  startCaching(
    (req, res, number) => {
      const groups = new URL(req.url ?? '', 'http://a').searchParams.getAll('in').map((name) => `"${name}"`);
      const field = req.method === 'GET' ? 'cache-groups' : 'cache-group-invalidation';
      if (groups.length > 0) res.setHeader(field, groups);
      if (req.url?.startsWith('/both') === true) res.setHeader('cache-group-invalidation', groups);
      res.writeHead(req.url?.includes('fails') === true ? 500 : 200).end(`${number}`);
    },
    { cache },
  );

let orders = 0;
const purge = ({ gateway }: TestGateway, target: PurgeTarget): void =>
  gateway.applyCache({ type: 'forget', position: { epoch: 1, number: ++orders }, orders: [{ purge: target }] });

async function hits(rampart: TestGateway, ...paths: readonly string[]): Promise<boolean[]> {
  const found = [];
  for (const path of paths) found.push(/hit/.test((await get(rampart, path)).cacheStatus));
  return found;
}

describe('cache groups (RFC 9875)', () => {
  test('an unsafe request invalidates the groups that its reply names, on its host, and does not cascade', async () => {
    const { rampart } = await startGrouped();
    const paths = ['/1?in=x&in=y', '/2?in=y', '/3?in=X', '/4'];
    await hits(rampart, ...paths);
    await get(rampart, '/1?in=x&in=y', { host: 'b.example' });
    assert.deepEqual(await hits(rampart, ...paths), [true, true, true, true]);
    const posted = await get(rampart, '/change?in=x', {}, 'POST');
    assert.equal(posted.status, 200);
    assert.deepEqual(await hits(rampart, ...paths), [false, true, true, true], 'case counts, and y is not touched');
    assert.match((await get(rampart, '/1?in=x&in=y', { host: 'b.example' })).cacheStatus, /hit/);
  });

  test('neither a failed request nor a safe one invalidates a group', async () => {
    const { rampart } = await startGrouped();
    await hits(rampart, '/1?in=x');
    await get(rampart, '/fails?in=x', {}, 'POST');
    await get(rampart, '/both?in=x');
    assert.deepEqual(await hits(rampart, '/1?in=x'), [true]);
  });

  test('a purge removes a group, on every host or on one', async () => {
    const { rampart } = await startGrouped();
    const paths = ['/1?in=x', '/2?in=y'];
    await hits(rampart, ...paths);
    purge(rampart, { group: 'x', host: 'b.example' });
    assert.deepEqual(await hits(rampart, ...paths), [true, true]);
    purge(rampart, { group: 'x' });
    assert.deepEqual(await hits(rampart, ...paths), [false, true]);
    purge(rampart, { group: 'x', endpoint: 'other' });
    assert.deepEqual(await hits(rampart, ...paths), [true, true]);
    assert.match(JSON.stringify(rampart.gateway.status()), /"entries":2/);
  });

  test('a reply that is in another group than the one before it is purged with its own group only', async () => {
    let group = 'x';
    const { rampart } = await startCaching((_req, res) => void res.setHeader('cache-groups', `"${group}"`).end('ok'));
    await hits(rampart, '/1');
    group = 'y';
    purge(rampart, { endpoint: 'app' });
    await hits(rampart, '/1');
    purge(rampart, { group: 'x' });
    assert.deepEqual(await hits(rampart, '/1'), [true]);
    purge(rampart, { group: 'y' });
    assert.deepEqual(await hits(rampart, '/1'), [false]);
  });

  test('a fetch that began before a purge of a group is not stored', async () => {
    let release: (() => void) | undefined;
    const { rampart } = await startCaching((_req, res, number) => {
      const answer = (): void => void res.setHeader('cache-groups', '"x"').end(`${number}`);
      if (number === 1) release = answer;
      else answer();
    });
    const first = get(rampart, '/1');
    await eventually('the backend is asked', () => release !== undefined);
    purge(rampart, { group: 'x' });
    release?.();
    assert.equal((await first).body, '1');
    assert.equal((await get(rampart, '/1')).body, '2');
    assert.equal((await get(rampart, '/1')).body, '2');
  });
});

describe('a soft purge', () => {
  test('makes replies stale, which are served at once where the route allows it, and validated', async () => {
    const { rampart, seen } = await startGrouped({ ttlSeconds: 60, staleWhileRevalidateSeconds: 60 });
    assert.equal((await get(rampart, '/1?in=x')).body, '1');
    purge(rampart, { group: 'x', soft: true });
    const stale = await get(rampart, '/1?in=x');
    assert.deepEqual([stale.body, /ttl=0|ttl=-/.test(stale.cacheStatus)], ['1', true], stale.cacheStatus);
    await eventually('it is validated', async () => (await get(rampart, '/1?in=x')).body === '2');
    assert.equal(seen.length, 2);
  });

  test('elsewhere it costs a request to the backend, as a purge does', async () => {
    const { rampart } = await startGrouped();
    assert.equal((await get(rampart, '/1')).body, '1');
    purge(rampart, { soft: true });
    const validated = await get(rampart, '/1');
    assert.equal(validated.body, '2');
    assert.match(validated.cacheStatus, /fwd=stale/);
    assert.match((await get(rampart, '/1')).cacheStatus, /hit/);
  });
});
