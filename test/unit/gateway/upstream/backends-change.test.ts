import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { UpstreamConfig } from '../../../../src/config/model.ts';
import { ClientGone } from '../../../../src/gateway/upstream/cancellable.ts';
import { LeaseClient } from '../../../../src/gateway/upstream/lease-client.ts';
import { Permit } from '../../../../src/gateway/upstream/permit.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';
import type { LeaseReport } from '../../../../src/protocol/lease.ts';
import { bareUpstream } from '../../../support/bare-upstream.ts';

const health = { path: '/', host: undefined, intervalMs: 500, timeoutMs: 1000, rise: 2, fall: 3, cancelOnDown: true };
const backend = (id: string) => ({ id, origin: `http://127.0.0.1:${id.charCodeAt(0)}` });
const list = (ids: string) => [...ids].map(backend);

const open: { close(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** An upstream with backends of one letter each, which are never spoken to, and its half of the leases. */
function setUp(ids: string, more: Partial<UpstreamConfig> = {}) {
  const sent: LeaseReport[] = [];
  const config: Partial<UpstreamConfig> = {
    backends: list(ids),
    isAnnounced: true,
    health,
    balancer: 'round-robin',
    ...more,
  };
  const { clock, upstream, instruments } = bareUpstream({ cap: 2, queueCapacity: 4, config, initialPermits: () => 0 });
  const lease = new LeaseClient({ upstream, share: 1, clock, send: (_upstream, report) => sent.push(report) });
  lease.connected();
  open.push(lease, upstream);
  let number = 0;
  const slots = (): (string | undefined)[] => upstream.slots.map((one) => one?.id);
  return {
    clock,
    sent,
    upstream,
    lease,
    slots,
    /** Control says which backends there are, and what is up. */
    use: (now: string, up: string) => {
      upstream.useBackends(list(now));
      lease.leasedByControl([...now]);
      for (const one of upstream.backends) one.healthy = up.includes(one.id);
      upstream.refresh();
    },
    grant: (permits: number) => {
      const all = slots().map((id) => (id === undefined ? 0 : permits));
      lease.apply({ kind: 'grant', number: ++number, permits: all, fallback: all });
    },
    ask: () =>
      upstream.acquire({
        claimant: { priority: 'interactive', fairKey: 'key' },
        routeClass: 0,
        deadline: Number.POSITIVE_INFINITY,
      }),
    gauges: () =>
      instruments.registry
        .snapshot()
        .find(({ name }) => name === 'rampart_backend_in_flight')
        ?.series.map(([labels]) => labels[1]),
  };
}

/** Takes every permit that is free; the backends, in order. */
function takeAll(host: ReturnType<typeof setUp>): Permit[] {
  const taken: Permit[] = [];
  for (let count = 0; count < 20; count++) {
    const got = host.ask();
    if (!(got instanceof Permit)) {
      if (!(got instanceof Refusal)) got.cancel(new ClientGone());
      return taken;
    }
    taken.push(got);
  }
  return taken;
}
const idsOf = (permits: readonly Permit[]): string =>
  permits
    .map((permit) => permit.backend.id)
    .toSorted()
    .join('');

describe('Upstream whose backends change', () => {
  test('a backend that joins takes requests after its first good check', () => {
    const host = setUp('a');
    host.upstream.useBackends(list('ab'));
    host.lease.leasedByControl(['a', 'b']);
    host.grant(2);
    assert.equal(idsOf(takeAll(host)), 'aa', 'what was there serves on, checked or not');
    host.use('ab', 'ab');
    assert.equal(idsOf(takeAll(host)), 'bb');
  });

  test('a backend without checks takes requests at once', () => {
    const host = setUp('a', { health: undefined });
    host.upstream.useBackends(list('ab'));
    host.lease.leasedByControl(['a', 'b']);
    host.grant(1);
    assert.equal(idsOf(takeAll(host)), 'ab');
  });

  test('a backend that leaves ends what it has, is never cancelled, and gets nothing new', async () => {
    const host = setUp('ab');
    host.use('ab', 'ab');
    host.grant(2);
    const permits = takeAll(host);
    let cancelled = 0;
    for (const permit of permits) permit.user = { cancel: () => void cancelled++ };
    host.use('b', 'b');
    assert.equal(cancelled, 0);
    assert.deepEqual(host.slots(), ['a', 'b'], 'its position is not vacant yet');
    assert.deepEqual(host.sent.at(-1)?.held, [2, 2]);
    for (const permit of permits.filter(({ backend: { id } }) => id === 'a')) permit.release('success');
    await Promise.resolve();
    assert.deepEqual(host.slots(), [undefined, 'b']);
    assert.deepEqual(host.sent.at(-1)?.held, [0, 2]);
    assert.deepEqual(host.gauges(), ['b']);
    for (const permit of permits) permit.release('success');
    assert.equal(idsOf(takeAll(host)), 'bb');
  });

  test('a vacant position goes to the next one that joins, which inherits nothing', () => {
    const host = setUp('ab');
    host.use('ab', 'ab');
    host.grant(2);
    host.use('b', 'b');
    host.use('bc', 'bc');
    assert.deepEqual(host.slots(), ['c', 'b']);
    assert.equal(idsOf(takeAll(host)), 'bb', 'control has not granted any of c');
    assert.deepEqual(host.sent.at(-1)?.held, [0, 2]);
    host.grant(1);
    assert.equal(idsOf(takeAll(host)), 'c');
  });

  test('a backend that is back before its requests have ended is the same backend', () => {
    const host = setUp('ab');
    host.use('ab', 'ab');
    host.grant(1);
    const first = takeAll(host).find((permit) => permit.backend.id === 'a');
    host.use('b', 'b');
    host.use('ab', 'b');
    assert.equal(host.upstream.backends[0], first?.backend);
    assert.equal(host.upstream.backends[0]?.available, false, 'it is another process, and has to be checked');
    first?.release('success');
    host.use('ab', 'ab');
    host.grant(1);
    assert.equal(idsOf(takeAll(host)), 'a');
  });

  test('control hears of permits that were given up, or it would not grant them again', () => {
    const host = setUp('ab');
    host.use('ab', 'ab');
    host.grant(2);
    host.use('b', 'b');
    host.use('ab', 'ab');
    assert.deepEqual(host.sent.at(-1)?.held, [0, 2]);
  });

  test('without control the last membership holds: a left backend is not used, and a joined one is', () => {
    const host = setUp('a');
    host.use('bc', '');
    host.lease.lost();
    for (const one of host.upstream.backends) one.healthy = true;
    for (let waited = 0; waited < 5000; waited += 250) host.clock.advance(250);
    assert.equal(idsOf(takeAll(host)), 'bc');
  });

  test('all backends leave: requests wait, and the next one that joins gets them', async () => {
    const host = setUp('a');
    host.use('', '');
    const waiting = host.ask();
    assert.ok('result' in waiting);
    host.use('b', 'b');
    host.grant(1);
    const permit = await waiting.result;
    assert.ok(permit instanceof Permit);
    assert.equal(permit.backend.id, 'b');
    host.use('', '');
    permit.release('failure');
    assert.deepEqual(host.slots(), [undefined]);
  });

  test('the queue grows with the backends, unless its capacity was set', () => {
    const depthWith = (queuePerPermit: number): number => {
      const host = setUp('a', {
        queueCapacity: 4,
        queuePerPermit,
        admission: { limit: 'fixed', minLimit: 1, maxWaitMs: 1e6 },
      });
      host.use('abc', '');
      for (let count = 0; count < 20; count++) host.ask();
      return host.upstream.queueDepth;
    };
    assert.equal(depthWith(0), 4);
    assert.equal(depthWith(2), 12);
  });

  test('an origin that changes gets the new connections', () => {
    const host = setUp('ab');
    const [first] = host.upstream.backends;
    const before = first?.pool;
    host.upstream.useBackends([{ id: 'a', origin: 'http://127.0.0.1:9' }, backend('b')]);
    assert.equal(host.upstream.backends[0], first);
    assert.equal(first?.origin, 'http://127.0.0.1:9');
    assert.notEqual(first?.pool, before);
  });
});
