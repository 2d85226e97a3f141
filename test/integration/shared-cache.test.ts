import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { type Got, get } from '../support/caching.ts';
import { FleetCacheHost, type FleetCacheOptions } from '../support/fleet-cache.ts';
import { startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

/** One for all tests: it takes six seconds until a new one is trusted to know all hosts. */
let valkey: TestValkey;
let shared: TestValkey;
before(async () => {
  if (withoutValkey !== false) return;
  valkey = await startValkey();
  shared = await startValkey('--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru');
});
after(() => Promise.all([valkey?.close(), shared?.close()]));

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

/** Two hosts in front of one backend. `asked`: the paths that it was asked for. */
async function startHosts(answer: Answer, options: Partial<FleetCacheOptions> = {}) {
  const asked: string[] = [];
  const { origin } = await startBackend((req, res) => {
    asked.push(`${req.method} ${req.url}`);
    answer(req, res);
  });
  const start = (host: string): Promise<FleetCacheHost> =>
    FleetCacheHost.start({
      host,
      valkeyUrl: valkey.url,
      shared: { url: shared.url, timeoutMs: 1000 },
      origin,
      ...options,
    });
  const [a, b] = [await start('a'), await start('b')];
  await eventually('a purge reaches both hosts', async () => {
    const { status, body } = await a.purge({ host: 'nobody.example' });
    return status === 200 && body.hosts === 2;
  });
  return { a, b, asked };
}

const skip = withoutValkey;
const from = (host: FleetCacheHost, worker: number, path: string, headers: Record<string, string> = {}): Promise<Got> =>
  get(host.workers[worker] as (typeof host.workers)[number], path, headers);

/** How many replies the workers of a host have written to the shared cache. */
const written = (host: FleetCacheHost): number =>
  host.workers.reduce(
    (sum, worker) => sum + count(worker.metrics(), 'rampart_shared_cache_writes_total{result="stored"}'),
    0,
  );

function count(metrics: string, name: string): number {
  const line = metrics.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length) ?? 0);
}

/** Waits until a host has written one more reply than before. */
async function stored<Result>(host: FleetCacheHost, work: () => Promise<Result>): Promise<Result> {
  const before = written(host);
  const result = await work();
  await eventually('it is in the shared cache', () => written(host) > before);
  return result;
}

test('a reply that one host has fetched answers requests of every worker of every host', { skip }, async () => {
  const { a, b, asked } = await startHosts((_req, res) => void res.end('one'));
  assert.match((await stored(a, () => from(a, 0, '/x'))).cacheStatus, /fwd=uri-miss.*stored/);
  for (const [host, worker] of [
    [a, 1],
    [b, 0],
    [b, 1],
  ] as const) {
    const got = await from(host, worker, '/x');
    assert.deepEqual([got.status, got.body], [200, 'one']);
    assert.match(got.cacheStatus, /^Rampart; hit; ttl=(?:5\d|60); detail=l2$/);
    assert.doesNotMatch((await from(host, worker, '/x')).cacheStatus, /l2/, 'now it is in the worker');
  }
  assert.deepEqual(asked, ['GET /x']);
});
