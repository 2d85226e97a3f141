import type { Clock } from '../core/clock.ts';
import type { Refusal } from './refusal.ts';
import { admission } from './upstream/admission.ts';
import { connection } from './upstream/connection.ts';
import { deadlines } from './upstream/deadline.ts';
import { hedging } from './upstream/hedging.ts';
import { compose, type Service } from './upstream/layer.ts';
import type { ReplySink } from './upstream/reply-sink.ts';
import { retries } from './upstream/retry.ts';
import { type Caller, UpstreamCall, type UpstreamRequest } from './upstream/upstream-call.ts';

/** Steps 6 to 9: everything between the request path and a backend, from the outside in. */
export function openStack(clock: Clock): Service {
  return compose(
    [
      // One time limit over everything below it: the queue and every attempt.
      deadlines(clock),
      // Above admission, because another attempt needs a permit of another backend.
      retries(),
      // Below retries, because a retry follows only when both calls of a pair have failed.
      hedging(clock),
      // Admits and picks the backend in one layer, because a permit belongs to one backend.
      admission(clock),
    ],
    // Sends one request on one connection, and gives the permit back when the backend has sent its last byte.
    connection(clock),
  );
}

/** Sends a request through the stack and the reply into the sink. Returns a refusal if there is no reply. */
export async function forward(
  caller: Caller,
  request: UpstreamRequest,
  sink: ReplySink,
  stack: Service,
): Promise<Refusal | undefined> {
  const call = new UpstreamCall(caller, request, sink);
  caller.underway = call;
  caller.upstream = request.upstream.name;
  const answer = await stack(call);
  const failure = answer.kind === 'replied' ? await answer.passTo(sink) : answer;
  caller.underway = undefined;
  if (failure === undefined) return undefined;
  if (failure.kind === 'refused') return failure.refusal;
  caller.failure = failure.refusal.reason;
  if (!caller.replyBegun) return failure.refusal;
  // A reply that has begun cannot become an error reply. It is cut, so that the client sees that it is incomplete.
  caller.cutReply();
  return undefined;
}
