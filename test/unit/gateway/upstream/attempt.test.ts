import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { Dispatcher } from 'undici';
import { Attempt } from '../../../../src/gateway/upstream/attempt.ts';
import { ClientGone } from '../../../../src/gateway/upstream/cancellable.ts';
import type { ReplySink } from '../../../../src/gateway/upstream/reply-sink.ts';
import { Permit } from '../../../../src/gateway/upstream/permit.ts';
import type { Upstream } from '../../../../src/gateway/upstream/upstream.ts';
import { bareUpstream } from '../../../support/bare-upstream.ts';
import { callOf } from './fakes.ts';

const open: Upstream[] = [];
afterEach(async () => {
  for (const upstream of open.splice(0)) await upstream.close();
});

/** An attempt whose head and first bytes have come in one read, and undici's part in it. */
function headWithBytes(): { attempt: Attempt; send: (text: string) => void; end: () => void } {
  const { upstream, clock } = bareUpstream();
  open.push(upstream);
  const claimant = { priority: 'interactive', fairKey: 'key' } as const;
  const permit = upstream.acquire({ claimant, routeClass: 0, deadline: 1000, excluded: undefined });
  assert.ok(permit instanceof Permit);
  const attempt = new Attempt(callOf(upstream), permit, clock);
  const controller = {
    abort: (error: Error) => attempt.onResponseError(controller, error),
    pause() {},
    resume() {},
  } as unknown as Dispatcher.DispatchController;
  const send = (text: string): void => attempt.onResponseData(controller, Buffer.from(text));
  attempt.onRequestStart(controller);
  attempt.onResponseStart(controller, 200, {});
  send('first,');
  send('second');
  return { attempt, send, end: () => attempt.onResponseEnd() };
}

/** A sink that remembers what it got, and cancels the attempt when it gets this. */
function cancelling(attempt: Attempt, at: string): { sink: ReplySink; got: string[] } {
  const got: string[] = [];
  const note = (what: string): true => {
    got.push(what);
    if (what === at) attempt.cancel(new ClientGone());
    return true;
  };
  const sink = {
    head: () => void note('head'),
    data: (chunk: Buffer) => note(chunk.toString()),
    end: () => void note('end'),
  };
  return { sink, got };
}

describe('a reply whose first bytes came with its head', () => {
  test('goes to the sink in order, and ends when the backend ends it', async () => {
    const { attempt, send, end } = headWithBytes();
    const { sink, got } = cancelling(attempt, 'never');
    const passed = attempt.passTo(sink);
    send(',third');
    end();
    assert.equal(await passed, undefined);
    assert.deepEqual(got, ['head', 'first,', 'second', ',third', 'end']);
  });

  for (const [at, expected] of [
    ['head', ['head']],
    ['first,', ['head', 'first,']],
    ['second', ['head', 'first,', 'second']],
  ] as const) {
    test(`has no end for a sink that cancels it at '${at}', and nothing more`, async () => {
      const { attempt, send, end } = headWithBytes();
      const { sink, got } = cancelling(attempt, at);
      const failure = await attempt.passTo(sink);
      send('late');
      end();
      assert.equal(failure?.refusal.reason, 'client-closed');
      assert.deepEqual(got, expected);
    });
  }

  test('is whole for a sink that cancels it when it has ended already', async () => {
    const { attempt, end } = headWithBytes();
    end();
    const { sink, got } = cancelling(attempt, 'head');
    assert.equal(await attempt.passTo(sink), undefined);
    assert.deepEqual(got, ['head', 'first,', 'second', 'end']);
  });
});
