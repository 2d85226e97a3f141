import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { ClientGone } from '../../../../src/gateway/upstream/cancellable.ts';
import { Permit } from '../../../../src/gateway/upstream/permit.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';
import type { Upstream } from '../../../../src/gateway/upstream/upstream.ts';
import type { Claim } from '../../../../src/gateway/upstream/claim.ts';
import { bareUpstream } from '../../../support/bare-upstream.ts';

const open: Upstream[] = [];
afterEach(async () => {
  for (const upstream of open.splice(0)) await upstream.close();
});

function setUp(options: Parameters<typeof bareUpstream>[0] = {}): ReturnType<typeof bareUpstream> {
  const host = bareUpstream(options);
  open.push(host.upstream);
  return host;
}

/** Asks for a permit, as an interactive request of one key. */
function ask(upstream: Upstream, more: Partial<Claim> = {}): ReturnType<Upstream['acquire']> {
  const claimant = { priority: 'interactive', fairKey: 'key' } as const;
  return upstream.acquire({ claimant, routeClass: 0, deadline: Number.POSITIVE_INFINITY, ...more });
}

/** The permit that must be there at once. */
function take(upstream: Upstream): Permit {
  const permit = ask(upstream);
  assert.ok(permit instanceof Permit);
  return permit;
}

/** The outcome of a wait, as far as it is known after every pending microtask. */
async function outcomeOf(acquired: ReturnType<Upstream['acquire']>): Promise<string> {
  if (acquired instanceof Permit) return acquired.backend.id;
  if (acquired instanceof Refusal) return acquired.reason;
  const result = await Promise.race([
    acquired.result,
    new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
  ]);
  if (result === undefined) return 'waits';
  return result instanceof Permit ? result.backend.id : result.reason;
}

describe('Upstream', () => {
  test('gives a returned permit to the request that has waited longest; no other gets it first', async () => {
    const { upstream } = setUp({ queueCapacity: 10 });
    const first = take(upstream);
    const waiting = ask(upstream);
    first.release('success');
    const late = ask(upstream);
    assert.deepEqual([await outcomeOf(waiting), await outcomeOf(late)], ['b0', 'waits']);
  });

  test('a permit that is released twice comes back once', async () => {
    const { upstream } = setUp();
    const permit = take(upstream);
    permit.release('success');
    permit.release('failure');
    assert.equal(upstream.backends[0]?.inFlight, 0);
    take(upstream);
    assert.equal(await outcomeOf(ask(upstream)), 'waits');
  });

  test('refuses new requests at once when the queue is full, and waiting ones at the timeout', async () => {
    const { upstream, clock } = setUp();
    take(upstream);
    const waiting = [ask(upstream), ask(upstream)];
    assert.equal(await outcomeOf(ask(upstream)), 'overloaded');
    clock.advance(99);
    assert.deepEqual(await Promise.all(waiting.map(outcomeOf)), ['waits', 'waits']);
    clock.advance(1);
    assert.deepEqual(await Promise.all(waiting.map(outcomeOf)), ['queue-timeout', 'queue-timeout']);
  });

  test('with every backend down a request waits for one to come back, and gets no-backend if none does', async () => {
    const { upstream, clock } = setUp();
    const [backend] = upstream.backends;
    assert.ok(backend);
    backend.healthy = false;
    const patient = ask(upstream);
    backend.healthy = true;
    upstream.refresh();
    assert.equal(await outcomeOf(patient), 'b0');
    backend.healthy = false;
    const unlucky = ask(upstream);
    clock.advance(100);
    assert.equal(await outcomeOf(unlucky), 'no-backend');
  });

  test('a backend that was set aside is tried again after a quarter of a second, without another request to remind of it', async () => {
    const { upstream, clock } = setUp();
    const [backend] = upstream.backends;
    assert.ok(backend);
    backend.suspend();
    clock.advance(200);
    const waiting = ask(upstream);
    assert.equal(await outcomeOf(waiting), 'waits');
    clock.advance(50);
    assert.equal(await outcomeOf(waiting), 'b0');
  });

  test('takes another backend for a second attempt, and the same one when there is no other', () => {
    const two = setUp({ backends: 2 }).upstream;
    const other = ask(two, { excluded: two.backends[0] });
    assert.ok(other instanceof Permit);
    assert.equal(other.backend.id, 'b1');
    const one = setUp().upstream;
    assert.ok(ask(one, { excluded: one.backends[0] }) instanceof Permit);
  });

  test('more permits serve more waiting requests', async () => {
    const { upstream } = setUp();
    take(upstream);
    const waiting = ask(upstream);
    const [backend] = upstream.backends;
    assert.ok(backend);
    backend.cap = 2;
    upstream.refresh();
    assert.equal(await outcomeOf(waiting), 'b0');
  });

  test('an interactive request waits for one bulk request to end, however many wait', async () => {
    const { upstream } = setUp({ queueCapacity: 10 });
    const bulk = { claimant: { priority: 'bulk', fairKey: 'key' } } as const;
    const running = ask(upstream, bulk);
    assert.ok(running instanceof Permit);
    const waiting = [ask(upstream, bulk), ask(upstream, bulk)];
    const interactive = ask(upstream);
    running.release('success');
    assert.deepEqual(await Promise.all([...waiting, interactive].map(outcomeOf)), ['waits', 'waits', 'b0']);
  });

  test('a request that is given up gets the refusal of a client that left, and its place is free', async () => {
    const { upstream } = setUp({ queueCapacity: 1 });
    take(upstream);
    const waiting = ask(upstream);
    assert.ok('result' in waiting);
    waiting.cancel(new ClientGone());
    assert.equal(await outcomeOf(waiting), 'client-closed');
    assert.equal(await outcomeOf(ask(upstream)), 'waits');
  });
});

describe('permits that are reserved for interactive requests', () => {
  const bulkClaimant = { priority: 'bulk', fairKey: 'key' } as const;
  const bulk = (upstream: Upstream) => ask(upstream, { claimant: bulkClaimant });
  const reserving = (reserved: number, cap: number) => setUp({ cap, queueCapacity: 10, config: { reserved } });

  test('bulk requests wait for others of their class while a permit is free, which an interactive one gets', async () => {
    const { upstream } = reserving(1, 3);
    const first = bulk(upstream);
    const waiting = [bulk(upstream), bulk(upstream), bulk(upstream)].map(outcomeOf);
    assert.deepEqual(await Promise.all(waiting), ['b0', 'waits', 'waits']);
    const person = take(upstream);
    assert.deepEqual(upstream.leaseUse(), { inFlight: [3], queued: 2, bulk: 2, blocked: 2 });
    person.release('success');
    await outcomeOf(first);
    assert.equal(upstream.leaseUse().inFlight[0], 2);
    (first as Permit).release('success');
    await outcomeOf(first);
    assert.deepEqual(upstream.leaseUse(), { inFlight: [2], queued: 1, bulk: 1, blocked: 1 });
  });

  test('a copy or hedge of a bulk request does not take a reserved permit either', () => {
    const { upstream } = reserving(1, 2);
    assert.ok(bulk(upstream) instanceof Permit);
    assert.equal(upstream.acquireSpare(0, undefined, bulkClaimant), undefined);
    assert.ok(upstream.acquireSpare(0, undefined, { priority: 'interactive', fairKey: 'key' }) instanceof Permit);
  });

  test('a stream that gives its permit back gives that of its class back, too', () => {
    const { upstream } = reserving(1, 2);
    const permit = bulk(upstream) as Permit;
    assert.ok(permit.becomeStream());
    assert.equal(upstream.bulk?.inFlight, 0);
    permit.release('success');
    assert.equal(upstream.bulk?.inFlight, 0);
    assert.ok(bulk(upstream) instanceof Permit);
  });

  test('more permits of the class start those that wait', async () => {
    const { upstream } = reserving(2, 3);
    const first = bulk(upstream);
    const second = bulk(upstream);
    assert.deepEqual([await outcomeOf(first), await outcomeOf(second)], ['b0', 'waits']);
    upstream.bulk?.usePermits([2]);
    assert.equal(await outcomeOf(second), 'b0');
  });
});

describe('a session whose backend has no free permit at this worker', () => {
  const others = { permits: 4, workers: 2, queued: 0, bulk: 0, inFlight: 0 };
  /** Two backends with a cap of 2, of which this worker holds one permit each; `home`: that of the session 7. */
  function atHome(load = others as typeof others | undefined) {
    const { upstream, clock } = setUp({ backends: 2, cap: 2, queueCapacity: 10 });
    upstream.usePermits([1, 1]);
    upstream.useHostLoad(load);
    const first = ask(upstream, { session: 7 });
    assert.ok(first instanceof Permit);
    const home = first.backend.index;
    return { upstream, clock, first, home, more: home === 0 ? [2, 1] : [1, 2] };
  }

  test('waits for a permit there, and asks control for it', async () => {
    const { upstream, clock, first, home, more } = atHome();
    let needs = 0;
    upstream.onNeed = () => needs++;
    const waiting = ask(upstream, { session: 7 });
    assert.equal(await outcomeOf(waiting), 'waits');
    assert.equal(needs, 1);
    assert.deepEqual(upstream.leaseUse().wanted, home === 0 ? [1, 0] : [0, 1]);
    assert.equal(upstream.leaseUse().queued, 0);
    clock.advance(20);
    upstream.usePermits(more);
    assert.equal(await outcomeOf(waiting), first.backend.id);
    assert.equal(upstream.leaseUse().wanted, undefined);
    const permit = await (waiting as Exclude<typeof waiting, Permit | Refusal>).result;
    assert.equal(permit instanceof Permit && permit.startedAt, 20);
  });

  test('gets the one that comes back there', async () => {
    const { upstream, first } = atHome();
    const waiting = ask(upstream, { session: 7 });
    first.release('success');
    assert.equal(await outcomeOf(waiting), first.backend.id);
  });

  test('moves when none has come, and at once when its backend is lost', async () => {
    const { upstream, clock, first } = atHome();
    const waiting = ask(upstream, { session: 7 });
    clock.advance(49);
    assert.equal(await outcomeOf(waiting), 'waits');
    clock.advance(1);
    const moved = await outcomeOf(waiting);
    assert.notEqual(moved, first.backend.id);
    const again = atHome();
    const second = ask(again.upstream, { session: 7 });
    again.first.backend.healthy = false;
    again.upstream.refresh();
    assert.notEqual(await outcomeOf(second), again.first.backend.id);
  });

  test('moves at once where no other worker can have one', async () => {
    for (const load of [undefined, { ...others, workers: 1 }]) {
      const { upstream, first } = atHome(load);
      assert.notEqual(await outcomeOf(ask(upstream, { session: 7 })), first.backend.id);
    }
    const { upstream, more } = atHome();
    upstream.usePermits(more);
    const [second, third] = [ask(upstream, { session: 7 }), ask(upstream, { session: 7 })];
    assert.ok(second instanceof Permit);
    assert.ok(third instanceof Permit);
  });

  test('can leave while it waits, and after it has moved into the queue', async () => {
    const { upstream, clock, first } = atHome();
    const gone = ask(upstream, { session: 7 });
    assert.ok(!(gone instanceof Permit) && !(gone instanceof Refusal));
    gone.cancel(new ClientGone());
    assert.equal(await outcomeOf(gone), 'client-closed');
    const elsewhere = ask(upstream, { session: 7 });
    clock.advance(50);
    assert.notEqual(await outcomeOf(elsewhere), 'waits');
    const queued = ask(upstream, { session: 7 });
    clock.advance(50);
    assert.equal(await outcomeOf(queued), 'waits');
    assert.equal(upstream.leaseUse().queued, 1);
    assert.ok(!(queued instanceof Permit) && !(queued instanceof Refusal));
    queued.cancel(new ClientGone());
    assert.equal(await outcomeOf(queued), 'client-closed');
    assert.equal(upstream.leaseUse().queued, 0);
    first.release('success');
    assert.ok(!upstream.isIdle);
  });
});
