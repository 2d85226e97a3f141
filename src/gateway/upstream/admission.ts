import type { Clock } from '../../core/clock.ts';
import { Permit } from './permit.ts';
import { Refusal } from '../refusal.ts';
import type { PendingPermit } from './claim.ts';
import { refusalFor } from './waiter.ts';
import type { Answer, Layer, Service } from './layer.ts';
import type { UpstreamCall } from './upstream-call.ts';

/**
 * Gets a permit for the call: at once, after a wait in the upstream's queue, or not at all. The permit is that of one
 * backend, so the balancer chooses here, at the moment when the permit is given.
 */
export const admission =
  (clock: Clock): Layer =>
  (next) =>
  (call) => {
    const acquired = acquire(call);
    if (acquired instanceof Refusal) return Promise.resolve({ kind: 'refused', refusal: acquired });
    if (acquired instanceof Permit) return proceed(call, acquired, next);
    return wait(call, acquired, clock).then((permit) =>
      permit instanceof Refusal ? { kind: 'refused', refusal: permit } : proceed(call, permit, next),
    );
  };

const noSpare = new Refusal('overloaded', 'no other backend has a spare permit');

function acquire(call: UpstreamCall): Permit | PendingPermit | Refusal {
  const { caller, request, excluded, deadline } = call;
  const { upstream, routeClass, isStream, session } = request;
  if (call.isSpare) return upstream.acquireSpare(routeClass, excluded, caller) ?? noSpare;
  if (isStream) return upstream.openStream({ routeClass, excluded, session });
  const until = deadline?.at ?? Number.POSITIVE_INFINITY;
  return upstream.acquire({ claimant: caller, routeClass, deadline: until, excluded, session });
}

function proceed(call: UpstreamCall, permit: Permit, next: Service): Promise<Answer> {
  if (call.isCancelled) {
    permit.release('aborted');
    return Promise.resolve({ kind: 'refused', refusal: refusalFor(call.cancelled) });
  }
  call.permit = permit;
  call.caller.backend = permit.backend.id;
  call.caller.attempts++;
  try {
    return next(call);
  } catch (error) {
    permit.release('aborted');
    throw error;
  }
}

/** The time spent waiting for a permit from control is recorded separately from the time in the queue. */
async function wait(call: UpstreamCall, pending: PendingPermit, clock: Clock): Promise<Permit | Refusal> {
  const { caller } = call;
  const joinedAt = clock.now();
  call.current = pending;
  const result = await pending.result;
  call.current = undefined;
  const waitedMs = clock.now() - joinedAt;
  if (result instanceof Refusal || !result.isNewlyLeased) caller.queueMs += waitedMs;
  else caller.permitMs += waitedMs;
  return result;
}
