import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidationPost } from '../../../../src/control/fleet/invalidation-post.ts';
import { newsKinds } from '../../../../src/control/fleet/news-kinds.ts';
import type { CacheOrder } from '../../../../src/protocol/cache-order.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const changed = (target: string, id?: string): CacheOrder => ({
  invalidate: { host: 'a.example', targets: [target], selection: '', groups: ['prices'] },
  ...(id !== undefined && { news: { id } }),
});

test('InvalidationPost tells what half a second of unsafe requests has outdated, up to 64 KiB of it', () => {
  const clock = new ManualClock();
  const sent: unknown[] = [];
  const post = new InvalidationPost(clock, quietInstruments().bugs, async (body) => void sent.push(body));
  for (const order of [changed('/x', '1'), changed('/own'), changed('/y', '2')]) post.add(order);
  post.add(changed('x'.repeat(64 * 1024), '3'));
  clock.advance(499);
  assert.deepEqual(sent, []);
  clock.advance(1);
  const of = (id: string, target: string) => ({
    id,
    host: 'a.example',
    targets: [target],
    selection: '',
    groups: ['prices'],
  });
  assert.deepEqual(sent, [{ orders: [of('1', '/x'), of('2', '/y')] }]);
  post.add(changed('/z', '4'));
  clock.advance(500);
  assert.equal(sent.length, 2);
  post.add(changed('/z', '5'));
  post.close();
  clock.advance(500);
  assert.equal(sent.length, 2);

  const position = { stream: 's', number: 7 };
  const orders: CacheOrder[] = [];
  const kinds = newsKinds({
    purge: (purge, news) => void orders.push({ purge, news }),
    invalidate: (order) => void orders.push(order),
    forgetKeys: () => {},
    lookAtConfig: () => {},
  });
  kinds.get('invalidate')?.(sent[1], { id: 'news', position });
  kinds.get('invalidate')?.({ orders: [{ id: '1', unknown: true }] }, { id: 'newer', position });
  const { invalidate } = changed('/z') as Extract<CacheOrder, { invalidate: unknown }>;
  assert.deepEqual(orders, [
    { invalidate, news: { id: '4', position } },
    { purge: {}, news: { id: 'newer', position } },
  ]);
});
