import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cancellation, UpstreamTimeout } from '../../../../src/gateway/upstream/cancellable.ts';
import { LeaseClient } from '../../../../src/gateway/upstream/lease-client.ts';
import { Permit } from '../../../../src/gateway/upstream/permit.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';
import type { LeaseReport } from '../../../../src/protocol/lease.ts';
import { bareUpstream } from '../../../support/bare-upstream.ts';

/** An upstream that hosts share: this worker may use 4 permits, and 1 after the end of the lease. */
function sharedUpstream(maxDurationMs?: number) {
  const fleet = { mode: 'strict', floorShare: 500, expectedHosts: undefined, maxDurationMs } as const;
  const { clock, upstream } = bareUpstream({ cap: 8, queueCapacity: 10, config: { fleet }, initialPermits: () => 0 });
  const sent: LeaseReport[] = [];
  const client = new LeaseClient({ upstream, share: 0, clock, send: (_name, report) => sent.push(report) });
  client.connected();
  client.heard();
  client.apply({ kind: 'grant', number: 1, permits: [4], fallback: [1] });
  const ask = (): ReturnType<typeof upstream.acquire> =>
    upstream.acquire({
      claimant: { priority: 'interactive', fairKey: 'key' },
      routeClass: 0,
      deadline: Number.POSITIVE_INFINITY,
    });
  const close = async (): Promise<void> => {
    client.close();
    await upstream.close();
  };
  return { clock, upstream, client, sent, ask, close };
}

test('when the lease of the host ends, requests start only on its floor, and control hears of it', async () => {
  const { clock, client, sent, ask, close } = sharedUpstream();
  client.useLeaseEnd(clock.now() + 1000);
  assert.ok(ask() instanceof Permit);
  clock.advance(999);
  assert.ok(ask() instanceof Permit);
  clock.advance(1);
  assert.deepEqual(sent.at(-1)?.held, [2]);
  assert.ok(!(ask() instanceof Permit));
  await close();
});

test('a renewed lease goes on', async () => {
  const { clock, client, ask, close } = sharedUpstream();
  client.useLeaseEnd(clock.now() + 1000);
  clock.advance(900);
  client.useLeaseEnd(clock.now() + 1000);
  clock.advance(900);
  for (let index = 0; index < 4; index++) assert.ok(ask() instanceof Permit);
  await close();
});

test('a worker that stood still past the end of the lease looks at the clock before it dispatches', async () => {
  const { clock, client, upstream, ask, close } = sharedUpstream();
  client.useLeaseEnd(clock.now() + 1000);
  clock.advance(10);
  // Its timers have not run yet, and the clock has moved on.
  if (upstream.leaseEnd !== undefined) upstream.leaseEnd.at = clock.now();
  assert.ok(ask() instanceof Permit);
  assert.ok(!(ask() instanceof Permit));
  await close();
});

test('a waiting request goes on to wait if the lease has ended when a permit comes back', async () => {
  const { clock, client, upstream, ask, close } = sharedUpstream();
  client.useLeaseEnd(clock.now() + 1000);
  const held = [ask(), ask(), ask(), ask()];
  const waiting = ask();
  assert.ok(!(waiting instanceof Permit || waiting instanceof Refusal));
  const outcomes: string[] = [];
  void waiting.result.then((outcome) => outcomes.push(outcome instanceof Permit ? 'permit' : outcome.detail));
  // Its timers have not run yet, and the clock has moved on.
  if (upstream.leaseEnd !== undefined) upstream.leaseEnd.at = clock.now();
  const giveBack = async (index: number): Promise<void> => {
    const permit = held[index];
    if (permit instanceof Permit) permit.release('success');
    await new Promise((resolve) => void setImmediate(resolve));
  };
  await giveBack(0);
  await giveBack(1);
  await giveBack(2);
  assert.deepEqual(outcomes, []);
  await giveBack(3);
  assert.deepEqual(outcomes.slice(), ['permit']);
  await close();
});

test('a request of a strict upstream is ended after the longest duration, and one that began later is not', async () => {
  const { clock, ask, close } = sharedUpstream(500);
  const ended: [number, Cancellation][] = [];
  const start = (): Permit => {
    const permit = ask();
    assert.ok(permit instanceof Permit);
    permit.user = { cancel: (reason) => ended.push([clock.now(), reason]) };
    return permit;
  };
  start();
  clock.advance(100);
  const quick = start();
  clock.advance(100);
  start();
  quick.release('success');
  clock.advance(299);
  assert.equal(ended.length, 0);
  clock.advance(201);
  assert.deepEqual(
    ended.map(([at]) => at),
    [500, 700],
  );
  assert.ok(ended.every(([, reason]) => reason instanceof UpstreamTimeout));
  await close();
});
