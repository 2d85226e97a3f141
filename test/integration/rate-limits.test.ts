import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testKey } from '../support/gateway.ts';
import { closers } from '../support/proxying.ts';
import { flood, type FloodResult, startRateHost } from '../support/rate-host.ts';
import { eventually } from '../support/raw.ts';
import { startStack } from '../support/stack.ts';

const headers = { authorization: `Bearer ${testKey}` };
const wrongKey = { authorization: `Bearer rk_${'w'.repeat(32)}` };
const limit = { requestsPerSecond: 200, burst: 200 };

/**
 * No more than the limit allows in the time that was measured, and no less than 85 % of it: a pause of a busy machine
 * at the end of the flood leaves tokens unspent.
 */
function assertLimit({ statuses, seconds }: FloodResult, { requestsPerSecond, burst } = limit): void {
  const admitted = statuses['200'] ?? 0;
  const most = burst + requestsPerSecond * seconds;
  const said = `${admitted} of ${most.toFixed(1)}: ${JSON.stringify(statuses)}`;
  assert.ok(admitted <= most * 1.02, said);
  assert.ok(admitted >= most * 0.85, said);
  assert.deepEqual(new Set(Object.keys(statuses)), new Set(['200', '429']));
}

describe('one limit for the host', () => {
  const pathOf = ({ url }: { url: string }): string => `${url}/x`;

  test('over all workers', async () => {
    const host = await startRateHost({ keyLimit: limit, authenticate: true });
    const urls = host.workers.flatMap((worker) => [pathOf(worker), pathOf(worker)]);
    assertLimit(await flood({ urls, headers, durationMs: 3000, gapMs: 12 }));
    assert.deepEqual(host.control.status()['rate_limits'], { subjects: 1 });
    await eventually('control knows whose requests were refused', () => {
      const [key] = Object.values(host.control.observer.view.numbers.refusedKeys);
      return (key?.refusedBy['rate-limited'] ?? 0) > 0;
    });
  });

  test('at one worker', async () => {
    const host = await startRateHost({ keyLimit: limit, authenticate: true });
    const url = pathOf(host.workers[0] as { url: string });
    assertLimit(await flood({ urls: [url, url, url, url], headers, durationMs: 3000, gapMs: 6 }));
  });

  test('without control each worker has its share, and a new one brings no fresh burst', async () => {
    const host = await startRateHost({ keyLimit: limit, authenticate: true });
    const urls = host.workers.map(pathOf);
    assertLimit(await flood({ urls, headers, durationMs: 2000, gapMs: 6 }));
    const before = host.byShare();
    await host.control.close();
    await eventually('the workers know', async () => {
      for (const url of urls) await fetch(url, { headers });
      return host.byShare() - before >= 4;
    });
    const alone = await flood({ urls, headers, durationMs: 1500, gapMs: 6 });
    const admitted = alone.statuses['200'] ?? 0;
    // The shares are full again if it took the workers a second to notice; they are empty if it took no time.
    const most = limit.burst + limit.requestsPerSecond * alone.seconds;
    assert.ok(admitted <= 1.02 * most && admitted >= 0.85 * 200 * alone.seconds, `${admitted} of ${most}`);
    const startedAt = performance.now();
    await host.startControl();
    const joinedMs = performance.now() - startedAt;
    const again = await flood({ urls, headers, durationMs: 1500, gapMs: 6 });
    const bound = 1 + 200 * (again.seconds + joinedMs / 1000) + 10;
    const after = again.statuses['200'] ?? 0;
    assert.ok(after <= bound && after >= 0.8 * 200 * again.seconds, `${after} of ${bound}`);
  });

  test('a refusal says which limit it was, how large it is, and when to come back', async () => {
    const { workers } = await startRateHost({
      keyLimit: { requestsPerSecond: 0.1, burst: 3 },
      addressLimit: { requestsPerSecond: 0.05, burst: 5 },
      authenticate: true,
    });
    const ask = async (index: number, sent: Record<string, string> = headers): Promise<Response> =>
      fetch(`${workers[index]?.url}/x`, { headers: sent });
    for (const index of [0, 1, 2]) assert.equal((await ask(index)).status, 200);
    const byKey = await ask(3);
    assert.equal(byKey.status, 429);
    assert.equal(byKey.headers.get('ratelimit-policy'), '"key";q=3;w=30');
    assert.match(byKey.headers.get('ratelimit') ?? '', /^"key";r=0;t=([89]|10)$/);
    assert.match(byKey.headers.get('retry-after') ?? '', /^([89]|10)$/);
    // A wrong key costs the address as much as a right one.
    assert.equal((await ask(0, wrongKey)).status, 401);
    const byAddress = await ask(1, wrongKey);
    assert.equal(byAddress.status, 429);
    assert.equal(byAddress.headers.get('ratelimit-policy'), '"address";q=5;w=100');
    assert.match(byAddress.headers.get('ratelimit') ?? '', /^"address";r=0;t=(19|20)$/);
    const { reason } = (await byAddress.json()) as { reason: string };
    assert.equal(reason, 'rate-limited');
    assert.equal((await ask(2, {})).status, 429);
    for (const path of ['/healthz', '/readyz']) assert.equal((await fetch(`${workers[1]?.url}${path}`)).status, 200);
    const metrics = workers[1]?.metrics() ?? '';
    assert.match(metrics, /rampart_rate_limit_total\{policy="address",result="refused"\} 1\n/);
    assert.match(metrics, /rampart_rate_limit_total\{policy="key",result="allowed"\} 1\n/);
  });

  test('behind a trusted proxy the address is the client’s, which cannot be made up', async () => {
    const { workers } = await startRateHost({
      addressLimit: { requestsPerSecond: 0.01, burst: 1 },
      trustedProxies: ['127.0.0.1', '10.0.0.1'],
    });
    const ask = async (index: number, sent: Record<string, string>): Promise<number> =>
      (await fetch(`${workers[index]?.url}/x`, { headers: sent })).status;
    const from = (value: string): Record<string, string> => ({ 'x-forwarded-for': value });
    assert.equal(await ask(0, from('198.51.100.1')), 200);
    assert.equal(await ask(1, from('203.0.113.9, 198.51.100.1, 10.0.0.1')), 429);
    assert.equal(await ask(2, from('203.0.113.9')), 200);
    assert.equal(await ask(3, { forwarded: 'for=192.0.2.7, for="198.51.100.1:443";proto=https' }), 429);
    assert.equal(await ask(0, from('2001:db8:1:2::5')), 200);
    assert.equal(await ask(1, from('2001:db8:1:2:ffff::6')), 429);
    assert.equal(await ask(2, from('2001:db8:1:3::6')), 200);
  });
});

describe('a whole stack with four workers', () => {
  test('holds a stored limit through a change, and through kill -9 of control', async () => {
    const stack = await startStack({ GATEWAY_WORKERS: '4', GENERATOR_INSTANCES: '1' });
    closers.push(() => stack.stop());
    const made = await stack.run('keys', 'create', '--rate', '200', '--burst', '200', '--json');
    const { id, key } = JSON.parse(made.stdout) as { id: string; key: string };
    const sent = { authorization: `Bearer ${key}` };
    const urls = Array.from({ length: 12 }, (_, index) => `${stack.url}/v1/render/qrcode?text=limit${index % 3}`);
    const load = { urls, headers: sent, gapMs: 20 };
    // With another key: the first image, the first look-up and the first compilation take their time.
    await flood({ ...load, headers: { authorization: `Bearer ${stack.key}` }, durationMs: 700 });
    assertLimit(await flood({ ...load, durationMs: 3000 }));

    const running = flood({ ...load, durationMs: 3000 });
    await new Promise((resolve) => setTimeout(resolve, 800));
    process.kill((await stack.status()).control.pid, 'SIGKILL');
    const { statuses, seconds } = await running;
    assert.deepEqual(new Set(Object.keys(statuses)), new Set(['200', '429']));
    const admitted = statuses['200'] ?? 0;
    // The bucket was nearly empty; what the shares can add to it is one burst.
    assert.ok(admitted <= 1.05 * (200 + 200 * seconds), `${admitted} in ${seconds} s`);
    assert.ok(admitted >= 0.5 * 200 * seconds, `${admitted} in ${seconds} s`);
    await eventually('control is back', async () =>
      (await stack.metrics().catch(() => '')).includes('rampart_rate_limit_by_share_total'),
    );

    assert.equal((await stack.run('keys', 'limit', id, '--rate', '20', '--burst', '10')).code, 0);
    const changed = await flood({ ...load, durationMs: 3000 });
    const less = changed.statuses['200'] ?? 0;
    assert.ok(less <= 1.05 * (10 + 20 * changed.seconds) + 1 && less >= 0.9 * 20 * changed.seconds, `${less}`);
    assert.equal((await stack.run('keys', 'limit', id, '--none')).code, 0);
    const free = await flood({ ...load, durationMs: 500 });
    assert.deepEqual(Object.keys(free.statuses), ['200']);
    assert.match(JSON.stringify(await stack.status()), /"rate_limits":\{"subjects":\d+,"decided_by_share":\d+\}/);
    const shown = await stack.metrics();
    assert.match(shown, /rampart_rate_limit_total\{policy="key",result="refused"\} \d+/);
    assert.ok(!shown.includes(id));
  });
});
