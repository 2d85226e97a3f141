import { defaultRetryRules } from '../../../../src/policy/retry/retryable.ts';
import type { Answer, Failure, Reply, Service } from '../../../../src/gateway/upstream/layer.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';
import { type Caller, UpstreamCall, type UpstreamRequest } from '../../../../src/gateway/upstream/upstream-call.ts';
import type { Upstream } from '../../../../src/gateway/upstream/upstream.ts';

export function fakeCaller(more: Partial<Caller> = {}): Caller {
  const times = { startedAt: 0, readyAt: 0, queueMs: 0, permitMs: 0, execMs: 0, attempts: 0 };
  return {
    ...times,
    id: 'request-1',
    over: false,
    replyBegun: false,
    execPhase: undefined,
    upstream: '',
    backend: '',
    failure: undefined,
    underway: undefined,
    priority: 'interactive',
    fairKey: 'key',
    trace: undefined,
    cutReply() {},
    ...more,
  };
}

/** A call of an idempotent request, for a caller that waits for 30 seconds. */
export function callOf(upstream: Upstream, more: Partial<UpstreamRequest> = {}, caller = fakeCaller()): UpstreamCall {
  const request = { upstream, method: 'GET', path: '/', headers: [], body: null, idempotent: true, pure: false };
  const rules = { retry: defaultRetryRules, hedge: false, isStream: false, streamsAreWork: false, routeClass: 0 };
  const limits = { timeoutMs: 30_000, idleTimeoutMs: undefined, clientWaitsMs: undefined };
  const sink = { head() {}, data: () => true, end() {} };
  return new UpstreamCall(caller, { ...request, ...rules, ...limits, ...more }, sink);
}

export type FakeReply = Reply & { isDiscarded: boolean };

export function replied(status = 200, more: Partial<Reply> = {}): FakeReply {
  return {
    kind: 'replied',
    status,
    isOverloaded: false,
    execMs: 1,
    isDiscarded: false,
    passTo: () => undefined,
    discard() {
      this.isDiscarded = true;
    },
    ...more,
  };
}

export const failed = (more: Partial<Failure> = {}): Failure => ({
  kind: 'failed',
  refusal: new Refusal('upstream-failed', 'it failed'),
  execMs: 1,
  beforeConnection: false,
  replyStarted: false,
  isFinal: false,
  ...more,
});

/** Gives these answers, one after another, and keeps the calls; a function makes one of the call. */
export function fakeService(...answers: (Answer | ((call: UpstreamCall) => Promise<Answer>))[]): {
  service: Service;
  calls: UpstreamCall[];
} {
  const calls: UpstreamCall[] = [];
  const service: Service = async (call) => {
    const answer = answers[calls.length];
    calls.push(call);
    if (answer === undefined) throw new Error('there is no answer for this call');
    return typeof answer === 'function' ? answer(call) : answer;
  };
  return { service, calls };
}
