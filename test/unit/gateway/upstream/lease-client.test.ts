import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseClient } from '../../../../src/gateway/upstream/lease-client.ts';
import { Permit } from '../../../../src/gateway/upstream/permit.ts';
import type { Upstream } from '../../../../src/gateway/upstream/upstream.ts';
import type { LeaseReport } from '../../../../src/protocol/lease.ts';
import { bareUpstream } from '../../../support/bare-upstream.ts';

/** A worker's half of the leases, with what it says to control. */
function setUp() {
  const sent: LeaseReport[] = [];
  const { clock, upstream } = bareUpstream({
    cap: 4,
    queueCapacity: 10,
    config: { queueTimeoutMs: 1000 },
    initialPermits: () => 0,
  });
  const client = new LeaseClient({ upstream, share: 2, clock, send: (_upstream, report) => sent.push(report) });
  const ask = (): ReturnType<Upstream['acquire']> =>
    upstream.acquire({
      claimant: { priority: 'interactive', fairKey: 'key' },
      routeClass: 0,
      deadline: Number.POSITIVE_INFINITY,
    });
  const grant = (number: number, permits: number): void =>
    client.apply({ kind: 'grant', number, permits: [permits], fallback: [2] });
  const close = async (): Promise<void> => {
    client.close();
    await upstream.close();
  };
  return { clock, sent, upstream, client, ask, grant, close };
}

test('LeaseClient calls for permits when work waits, repeats the call while it does, and is silent otherwise', async () => {
  const { clock, sent, client, ask, grant, close } = setUp();
  assert.deepEqual(client.connected(), [0]);
  client.heard();
  clock.advance(1000);
  const waiting = ask();
  assert.deepEqual(sent, [{ seen: 0, held: [0], queued: 1, bulk: 0, inFlight: 0, used: [0] }]);
  clock.advance(20);
  clock.advance(20);
  assert.equal(sent.length, 3);
  grant(1, 1);
  assert.deepEqual(sent.at(-1), { seen: 1, held: [1], queued: 0, bulk: 0, inFlight: 1, used: [1] });
  assert.ok('result' in waiting);
  const permit = await waiting.result;
  assert.ok(permit instanceof Permit && permit.isNewlyLeased);
  const said = sent.length;
  clock.advance(500);
  permit.release('success');
  clock.advance(500);
  assert.equal(sent.length, said);
  await close();
});

test('LeaseClient gives a recalled permit back when its request has ended, and no request starts on it', async () => {
  const { sent, client, ask, grant, close } = setUp();
  client.connected();
  client.heard();
  grant(1, 2);
  const [first, second] = [ask(), ask()];
  assert.ok(first instanceof Permit && second instanceof Permit);
  client.apply({ kind: 'recall', number: 2, mode: 'limit', limits: [1] });
  assert.deepEqual(sent.at(-1), { seen: 2, held: [2], queued: 0, bulk: 0, inFlight: 2, used: [2] });
  first.release('success');
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(sent.at(-1), { seen: 2, held: [1], queued: 0, bulk: 0, inFlight: 1, used: [1] });
  assert.ok(!(ask() instanceof Permit));
  await close();
});

test('LeaseClient serves with its equal share when control stays away, and is silent to it', async () => {
  const { clock, sent, client, ask, close } = setUp();
  clock.advance(1250);
  assert.ok(ask() instanceof Permit);
  assert.ok(ask() instanceof Permit);
  assert.ok(!(ask() instanceof Permit));
  assert.deepEqual(sent, []);
  assert.deepEqual(client.connected(), [2]);
  client.lost();
  await close();
});

test('LeaseClient serves with its equal share if control accepts connections and is silent', async () => {
  const { clock, client, ask, close } = setUp();
  client.connected();
  clock.advance(500);
  client.lost();
  client.connected();
  clock.advance(750);
  assert.ok(ask() instanceof Permit);
  await close();
});

test('C6: LeaseClient serves with its equal share where control does not know the upstream, however much it says', async () => {
  const { clock, client, ask, close } = setUp();
  client.connected();
  client.leasedByControl(undefined);
  for (let waited = 0; waited < 1500; waited += 250) {
    client.heard();
    clock.advance(250);
  }
  assert.ok(ask() instanceof Permit);
  assert.ok(ask() instanceof Permit);
  assert.ok(!(ask() instanceof Permit));
  await close();
});

test('C6: LeaseClient has its equal share of a backend that control does not know, whatever is granted of others', async () => {
  const { client, ask, grant, close } = setUp();
  client.connected();
  client.leasedByControl(['another']);
  client.heard();
  grant(1, 0);
  assert.ok(ask() instanceof Permit);
  assert.ok(ask() instanceof Permit);
  assert.ok(!(ask() instanceof Permit));
  client.leasedByControl(['b0']);
  // One for the request that waits, and one more.
  grant(2, 4);
  assert.ok(ask() instanceof Permit);
  assert.ok(!(ask() instanceof Permit));
  await close();
});
