import { Server } from 'node:net';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { closeWhenEmpty } from './accept-queue.ts';

/** How long an idle connection may stay open once the worker drains, for a request that the client has just sent. */
const IDLE_GRACE_MS = 1_500;
/** How often connections are closed whose last reply has ended. */
const SWEEP_INTERVAL_MS = 100;

/**
 * Stops accepting; resolves when the last connection is closed. Idle connections are closed after a grace period,
 * because http.Server.close() would close them at once, even while a client is sending a request; `closeIdle` closes
 * them, and is called again and again. `listenFd`: the
 * descriptor of a socket that only this process has.
 */
export function stopAccepting(
  server: Server,
  closeIdle: () => void,
  { clock, bugs }: { clock: Clock; bugs: Bugs },
  listenFd: number | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    let sweep: Timer | undefined;
    // Timers run before sockets are read, so a request that has arrived while the event loop was busy is read first.
    const closeGuarded = bugs.guard('server', closeIdle);
    const sweepIn = (delayMs: number): void => {
      sweep = clock.setTimeout(() => {
        setImmediate(closeGuarded);
        sweepIn(SWEEP_INTERVAL_MS);
      }, delayMs);
    };
    const ended = (): void => {
      sweep?.cancel();
      resolve();
    };
    sweepIn(IDLE_GRACE_MS);
    const close = (): void => void Server.prototype.close.call(server, ended);
    if (listenFd === undefined) close();
    else closeWhenEmpty(listenFd, close, bugs);
  });
}
