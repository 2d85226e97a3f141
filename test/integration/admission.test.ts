import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Requests } from '../../src/lab/load/requests.ts';
import { otherTestKey, testKey } from '../support/gateway.ts';
import { offer, servedOf } from '../support/offering.ts';
import { startBackend, startGateway } from '../support/proxying.ts';

const SERVICE_MS = 20;
const CAP = 8;
const CAPACITY = (CAP * 1000) / SERVICE_MS;

const start = async () => {
  const { origin } = await startBackend((_req, res) => void setTimeout(() => res.end('ok'), SERVICE_MS));
  return startGateway([origin], { cap: CAP, authenticate: true });
};

const DURATION_MS = 4000;
const served = (requests: Requests): number => servedOf(requests) / requests.count;
const bearing = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

describe('admission under overload', () => {
  test('a key that offers a twentieth of the other’s load keeps nearly all of its requests', async () => {
    const { url } = await start();
    const [small, large] = await Promise.all([
      offer(url, { perSecond: CAPACITY / 8, durationMs: DURATION_MS, headers: bearing(testKey), seed: 1 }),
      offer(url, { perSecond: (20 * CAPACITY) / 8, durationMs: DURATION_MS, headers: bearing(otherTestKey), seed: 2 }),
    ]);
    // All of them on a machine that is not busy; without fairness it would be less than half.
    assert.ok(served(small) >= 0.75, `${served(small)} of the small one`);
    assert.ok(served(large) < 0.6, `${served(large)} of the large one: the load was no overload`);
  });

  test('bulk requests use the permits that interactive ones leave', async () => {
    const { url } = await start();
    const key = bearing(testKey);
    const [interactive, bulk] = await Promise.all([
      offer(url, { perSecond: CAPACITY / 2, durationMs: DURATION_MS, headers: key, seed: 1 }),
      offer(url, { perSecond: CAPACITY * 2, durationMs: DURATION_MS, headers: { ...key, priority: 'u=6' }, seed: 2 }),
    ]);
    // All of them on a machine that is not busy; without priorities it would be less than half.
    assert.ok(served(interactive) >= 0.75, `${served(interactive)} of the interactive ones`);
    assert.ok(served(bulk) > 0.1 && served(bulk) < 0.5, `${served(bulk)} of the bulk ones`);
  });

  test('a refusal says overloaded, and when to come back', async () => {
    const { url } = await start();
    const headers = { authorization: `Bearer ${testKey}` };
    // Without these nobody knows how long a request takes, and so how long the queue may be.
    for (let index = 0; index < 15; index++) {
      await Promise.all(Array.from({ length: CAP }, () => fetch(url, { headers })));
    }
    const replies = await Promise.all(Array.from({ length: 400 }, () => fetch(url, { headers })));
    const refused = replies.filter(({ status }) => status === 503);
    assert.ok(refused.length > 0, 'none was refused');
    const reasons = new Set<string>();
    for (const reply of refused) {
      assert.match(reply.headers.get('retry-after') ?? '', /^[1-9]\d?$/);
      reasons.add(((await reply.json()) as { reason: string }).reason);
    }
    assert.ok(reasons.has('overloaded') && !reasons.has('no-backend'), [...reasons].join(' '));
  });
});
