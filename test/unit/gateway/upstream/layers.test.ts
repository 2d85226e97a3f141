import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { ClientGone, Superseded, UpstreamTimeout } from '../../../../src/gateway/upstream/cancellable.ts';
import { admission } from '../../../../src/gateway/upstream/admission.ts';
import { deadlines } from '../../../../src/gateway/upstream/deadline.ts';
import { hedging } from '../../../../src/gateway/upstream/hedging.ts';
import { type Answer, compose, type Layer } from '../../../../src/gateway/upstream/layer.ts';
import { retries } from '../../../../src/gateway/upstream/retry.ts';
import type { UpstreamCall } from '../../../../src/gateway/upstream/upstream-call.ts';
import type { Upstream } from '../../../../src/gateway/upstream/upstream.ts';
import { bareUpstream } from '../../../support/bare-upstream.ts';
import { callOf, failed, fakeCaller, fakeService, replied } from './fakes.ts';

const open: Upstream[] = [];
afterEach(async () => {
  for (const upstream of open.splice(0)) await upstream.close();
});

function setUp(options: Parameters<typeof bareUpstream>[0] = {}): ReturnType<typeof bareUpstream> {
  const host = bareUpstream(options);
  open.push(host.upstream);
  return host;
}

/** An answer that the test gives when it wants. */
function pending(): { answer: (call: UpstreamCall) => Promise<Answer>; give: (answer: Answer) => void } {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  return { answer: () => promise, give: resolve };
}

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('compose puts the first layer outermost', async () => {
  const seen: string[] = [];
  const named =
    (name: string): Layer =>
    (next) =>
    (call) => {
      seen.push(name);
      return next(call);
    };
  const { upstream } = setUp();
  const { service } = fakeService(replied());
  await compose([named('a'), named('b'), named('c')], service)(callOf(upstream));
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

describe('retries', () => {
  test('asks again after a failure, leaves out the backend that failed, and adds the times up', async () => {
    const { upstream } = setUp({ backends: 3 });
    const { service, calls } = fakeService(failed({ execMs: 5 }), replied(200, { execMs: 7 }));
    const call = callOf(upstream);
    const permit = upstream.acquireSpare(0, upstream.backends[1] as never);
    call.permit = permit;
    const answer = await retries()(service)(call);
    assert.deepEqual([answer.kind, calls.length, call.caller.execMs, call.sent], ['replied', 2, 12, 1]);
    assert.equal(call.excluded, permit?.backend);
  });

  test('discards a reply of a backend that failed before it asks another one', async () => {
    const { upstream } = setUp({ backends: 2 });
    const bad = replied(503);
    const { service } = fakeService(bad, async () => {
      assert.equal(bad.isDiscarded, true);
      return replied(200);
    });
    const answer = await retries()(service)(callOf(upstream));
    assert.equal(answer.kind === 'replied' && answer.status, 200);
  });

  test('returns a failure that may not be retried, and spends no budget', async () => {
    const { upstream, clock } = setUp({ backends: 2 });
    const cases: [Answer, Parameters<typeof callOf>[1]][] = [
      [failed({ replyStarted: true }), {}],
      [failed({ isFinal: true }), {}],
      [failed(), { idempotent: false }],
      [failed(), { retry: false }],
      [replied(503, { isOverloaded: true }), {}],
      [replied(500), {}],
      [replied(404), {}],
    ];
    for (const [answer, request] of cases) {
      const before = upstream.budget.balance(clock.now());
      const { service, calls } = fakeService(answer);
      assert.equal(await retries()(service)(callOf(upstream, request)), answer);
      assert.deepEqual([calls.length, upstream.budget.balance(clock.now()) >= before], [1, true]);
    }
  });

  test('does not go on for a call that was cancelled meanwhile', async () => {
    const { upstream } = setUp({ backends: 2 });
    const call = callOf(upstream);
    const { service, calls } = fakeService(async () => {
      call.cancel(new UpstreamTimeout());
      return failed();
    });
    await retries()(service)(call);
    assert.equal(calls.length, 1);
  });
});

describe('deadlines', () => {
  test('cancels the pending work when the time of the route is over', async () => {
    const { upstream, clock } = setUp();
    const { answer, give } = pending();
    const { service } = fakeService(answer);
    const call = callOf(upstream, { timeoutMs: 50 });
    const reasons: Error[] = [];
    call.current = { cancel: (reason) => void reasons.push(reason) };
    const result = deadlines(clock)(service)(call);
    clock.advance(49);
    assert.equal(reasons.length, 0);
    clock.advance(1);
    assert.equal(reasons[0]?.constructor, UpstreamTimeout);
    give(replied());
    await result;
  });

  test('does nothing once the head of a reply is there', async () => {
    const { upstream, clock } = setUp();
    const call = callOf(upstream, { timeoutMs: 50 });
    await deadlines(clock)(fakeService(replied()).service)(call);
    clock.advance(100);
    assert.equal(call.cancelled, undefined);
  });

  test('ends at the time that the client gave, if that is earlier', async () => {
    const { upstream, clock } = setUp();
    const call = callOf(upstream, { timeoutMs: 50, clientWaitsMs: 20 });
    const { answer, give } = pending();
    const result = deadlines(clock)(fakeService(answer).service)(call);
    clock.advance(20);
    assert.equal(call.cancelled?.constructor.name, 'ClientDeadline');
    give(replied());
    await result;
  });
});

describe('admission', () => {
  test('gives the permit back where the layer below it throws, at once and after a wait', async () => {
    const { upstream, clock } = setUp();
    const layer = admission(clock)(() => {
      throw new Error('planted');
    });
    const inFlight = (): number => (upstream.backends[0] as { inFlight: number }).inFlight;
    assert.throws(() => layer(callOf(upstream)), /planted/);
    assert.equal(inFlight(), 0);
    const first = callOf(upstream);
    await admission(clock)(fakeService(replied()).service)(first);
    const waiting = layer(callOf(upstream));
    first.permit?.release('success');
    await assert.rejects(waiting, /planted/);
    assert.equal(inFlight(), 0);
  });

  test('gives the call a permit, and passes it on', async () => {
    const { upstream, clock } = setUp();
    const call = callOf(upstream);
    await admission(clock)(fakeService(replied()).service)(call);
    assert.equal(call.permit?.backend, upstream.backends[0]);
    assert.equal(upstream.status().inFlight, 1);
  });

  test('waits for a permit, counts the wait, and asks no backend for a call that was cancelled meanwhile', async () => {
    const { upstream, clock } = setUp();
    const first = callOf(upstream);
    await admission(clock)(fakeService(replied()).service)(first);
    const second = callOf(upstream, {}, fakeCaller());
    const { service, calls } = fakeService(replied());
    const waiting = admission(clock)(service)(second);
    clock.advance(10);
    first.permit?.release('success');
    await waiting;
    assert.deepEqual([calls.length, second.caller.queueMs], [1, 10]);
    const third = callOf(upstream);
    const cancelled = admission(clock)(fakeService().service)(third);
    third.cancel(new ClientGone());
    const answer = await cancelled;
    assert.equal(answer.kind === 'refused' && answer.refusal.reason, 'client-closed');
    second.permit?.release('success');
    await settle();
    assert.equal(upstream.status().inFlight, 0);
  });

  test('gives the permit of a caller back that has left when it comes', async () => {
    const { upstream, clock } = setUp();
    const answer = await admission(clock)(fakeService().service)(callOf(upstream, {}, fakeCaller({ over: true })));
    assert.equal(answer.kind, 'refused');
    assert.equal(upstream.status().inFlight, 0);
  });
});

describe('hedging', () => {
  /** Twenty replies of 10 ms: a hedge follows after about as long. */
  function practised(): ReturnType<typeof bareUpstream> {
    const host = setUp({ backends: 2, cap: 4 });
    for (let count = 0; count < 200; count++) {
      host.upstream.budget.deposit(host.clock.now());
      const permit = host.upstream.acquire({
        claimant: fakeCaller(),
        routeClass: 0,
        deadline: Number.POSITIVE_INFINITY,
      });
      host.clock.advance(10);
      if ('release' in permit) permit.release('success');
    }
    return host;
  }

  test('asks a second backend when the first is late, takes its reply, and cancels the first', async () => {
    const { upstream, clock } = practised();
    const first = pending();
    const { service, calls } = fakeService(first.answer, replied(200, { execMs: 3 }));
    const call = callOf(upstream, { hedge: true });
    const result = compose([hedging(clock), admission(clock)], service)(call);
    await settle();
    const reasons: Error[] = [];
    (calls[0] as UpstreamCall).current = { cancel: (reason) => void reasons.push(reason) };
    clock.advance(100);
    const answer = await result;
    assert.equal(calls.length, 2);
    assert.notEqual(calls[0]?.permit?.backend, calls[1]?.permit?.backend);
    assert.ok(answer.kind === 'replied' && answer.execMs > 3, 'the time before the hedge counts');
    assert.ok(reasons[0] instanceof Superseded);
    first.give(failed());
  });

  test('sends no hedge when the first backend answers in time', async () => {
    const { upstream, clock } = practised();
    const { service, calls } = fakeService(replied());
    await compose([hedging(clock), admission(clock)], service)(callOf(upstream, { hedge: true }));
    clock.advance(1000);
    assert.equal(calls.length, 1);
  });

  test('returns the first answer if the second is no better', async () => {
    const { upstream, clock } = practised();
    const first = pending();
    const worse = replied(503);
    const { service, calls } = fakeService(first.answer, worse);
    const result = compose([hedging(clock), admission(clock)], service)(callOf(upstream, { hedge: true }));
    await settle();
    clock.advance(100);
    await settle();
    const late = failed();
    first.give(late);
    assert.equal(await result, late);
    assert.deepEqual([calls.length, worse.isDiscarded], [2, true]);
  });

  test('cancels both when the client leaves', async () => {
    const { upstream, clock } = practised();
    const answers = [pending(), pending()] as const;
    const { service, calls } = fakeService(answers[0].answer, answers[1].answer);
    const call = callOf(upstream, { hedge: true });
    const result = compose([hedging(clock), admission(clock)], service)(call);
    await settle();
    clock.advance(100);
    await settle();
    call.cancel(new ClientGone());
    assert.deepEqual(
      calls.map(({ isCancelled }) => isCancelled),
      [true, true],
    );
    for (const { give } of answers) give(failed({ isFinal: true }));
    await result;
  });
});
