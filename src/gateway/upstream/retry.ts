import { mayRetry, mayRetryReply } from '../../policy/retry/retryable.ts';
import type { RetryKind } from './upstream-metrics.ts';
import type { Answer, Layer } from './layer.ts';
import type { UpstreamCall } from './upstream-call.ts';

/** Retries a request at another backend if that is safe, useful and within the budget of the host. */
export const retries = (): Layer => (next) => async (call) => {
  const { caller, request } = call;
  request.upstream.budget.deposit(caller.startedAt);
  for (;;) {
    const answer = await next(call);
    if (answer.kind === 'refused') return answer;
    caller.execMs += answer.execMs;
    caller.execPhase = 'upstream';
    // With a hedge there were two, and this is the one whose reply counts.
    if (call.permit !== undefined) caller.backend = call.permit.backend.id;
    const kind = furtherAttempt(call, answer);
    if (kind === undefined || call.isCancelled || !request.upstream.mayTryAgain(kind)) return answer;
    if (answer.kind === 'replied') answer.discard();
    if (kind === 'connection') call.unsent++;
    else call.sent++;
    call.excluded = call.permit?.backend;
  }
};

/** The kind of failure that another attempt may repair; undefined if no attempt may follow. Spends no budget. */
function furtherAttempt(call: UpstreamCall, answer: Exclude<Answer, { kind: 'refused' }>): RetryKind | undefined {
  const { upstream, idempotent, pure, retry } = call.request;
  if (retry === false) return undefined;
  const situation = {
    idempotent: idempotent || pure,
    replayable: call.isReplayable,
    backends: upstream.backends.length,
    rules: retry,
  };
  if (answer.kind === 'replied') {
    const { status, isOverloaded } = answer;
    if (status < 500 && !isOverloaded) return undefined;
    const reply = { ...situation, status, overloaded: isOverloaded, pure, sent: call.sent + 1 };
    return mayRetryReply(reply) ? 'reply' : undefined;
  }
  if (answer.isFinal) return undefined;
  const { beforeConnection, replyStarted } = answer;
  const counts = beforeConnection
    ? { sent: call.sent, unsent: call.unsent + 1 }
    : { sent: call.sent + 1, unsent: call.unsent };
  if (!mayRetry({ ...situation, ...counts, beforeConnection, replyStarted })) return undefined;
  return beforeConnection ? 'connection' : 'failure';
}
