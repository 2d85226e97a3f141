import type { Clock } from '../../core/clock.ts';
import { Deadline } from './deadline-timer.ts';
import type { Layer } from './layer.ts';

/**
 * Cancels a call whose time is over before the head of a reply is there: the wait for a permit and all attempts together.
 * The time of a body that is forwarded while it comes counts from its end, as until then the client is the slow one.
 */
export const deadlines =
  (clock: Clock): Layer =>
  (next) =>
  async (call) => {
    const deadline = new Deadline(call, call.caller, call.request, clock);
    call.deadline = deadline;
    deadline.restart(Math.max(1, deadline.at - clock.now()));
    try {
      return await next(call);
    } finally {
      deadline.stop();
    }
  };
