import type { Clock } from '../../core/clock.ts';
import { Deadline } from './deadline-timer.ts';
import type { Layer } from './layer.ts';

/**
 * Cancels a call if the head of a reply does not arrive in time. The time covers the wait for a permit and all
 * attempts. For a streamed body it counts from the end of the body, because until then the client may be the slow one.
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
