// A process that sends its share of an open loop: started by open-loop-processes.ts, and the root of itself.
import { once } from 'node:events';
import { systemClock } from '../../core/clock.ts';
import { runOpenLoop } from './open-loop.ts';
import type { SenderAnswer, SenderTask } from './open-loop-processes.ts';

const [task] = (await once(process, 'message')) as [SenderTask];
process.once('disconnect', () => process.exit());
const { promise, resolve } = Promise.withResolvers<void>();
systemClock.setTimeout(resolve, task.startAtMs - systemClock.wallNow());
await promise;
const { requests, senders } = await runOpenLoop(task.target, task.plan, systemClock, task.share);
const answer: SenderAnswer = { requests: requests.columns(), senders };
process.send?.(answer);
