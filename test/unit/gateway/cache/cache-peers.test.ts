import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CacheOrder, CacheReport } from '../../../../src/protocol/cache-order.ts';
import { CachePeers } from '../../../../src/gateway/cache/cache-peers.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const changed = (target: string): CacheOrder => ({
  invalidate: { host: 'a.example', targets: [target], selection: '' },
});
const position = { epoch: 3, number: 8 };

function open() {
  const clock = new ManualClock();
  const said: CacheReport[] = [];
  const carriedOut: CacheOrder[] = [];
  const carryOut = (order: CacheOrder): number => carriedOut.push(order);
  const peers = new CachePeers(clock, carryOut, (report) => said.push(report));
  /** What is released, by name, in the order in which it was. */
  const released: string[] = [];
  const announce = (target: string): boolean => {
    const others = peers.announce(changed(target));
    void others?.then(() => released.push(target));
    return others !== undefined;
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { clock, said, carriedOut, peers, released, announce, turn };
}

describe('CachePeers', () => {
  test('waits for control, and for no longer than 100 ms', async () => {
    const { clock, said, peers, released, announce, turn } = open();
    peers.connected();
    assert.ok(announce('/x') && announce('/y'));
    peers.said({ type: 'invalidated', id: 1, position });
    await turn();
    assert.deepEqual(released, ['/x']);
    clock.advance(100);
    await turn();
    assert.deepEqual(released, ['/x', '/y']);
    assert.deepEqual(
      said.map(({ type }) => type),
      ['cache-position', 'invalidate', 'invalidate'],
    );
  });

  test('without control it does not wait, and sends all unanswered orders when control is back', async () => {
    const { said, peers, released, announce, turn } = open();
    assert.equal(announce('/before'), false);
    peers.connected();
    announce('/answered');
    announce('/open');
    peers.said({ type: 'invalidated', id: 2, position });
    peers.lost();
    await turn();
    assert.deepEqual(released, ['/answered', '/open']);
    assert.equal(announce('/away'), false);
    said.length = 0;
    peers.connected();
    assert.deepEqual(said, [
      { type: 'cache-position', position },
      { type: 'invalidate', id: 1, order: changed('/before') },
      { type: 'invalidate', id: 3, order: changed('/open') },
      { type: 'invalidate', id: 4, order: changed('/away') },
    ]);
  });

  test('carries out orders, confirms them, and knows the last one', () => {
    const { said, carriedOut, peers } = open();
    peers.connected();
    peers.said({ type: 'forget', position, orders: [changed('/x'), { purge: {} }] });
    peers.connected();
    assert.deepEqual(carriedOut, [changed('/x'), { purge: {} }]);
    assert.deepEqual(said, [
      { type: 'cache-position', position: undefined },
      { type: 'forgotten', number: 8, entries: 3 },
      { type: 'cache-position', position },
    ]);
  });

  test('orders that pile up without control become one order to remove everything', () => {
    const { said, peers, announce } = open();
    for (let count = 0; count <= 4096; count++) announce(`/${count}`);
    peers.connected();
    assert.deepEqual(
      said.filter(({ type }) => type === 'invalidate'),
      [{ type: 'invalidate', id: 4097, order: { purge: {} } }],
    );
  });

  test('a worker without control in its settings does not wait', () => {
    const peers = new CachePeers(new ManualClock(), () => 0, undefined);
    assert.equal(peers.announce(changed('/x')), undefined);
  });
});
