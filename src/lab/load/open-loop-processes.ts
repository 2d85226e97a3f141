import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import type { Engine, LoadResult, LoadTarget, OpenPlan } from './engine.ts';
import { runOpenLoop, type Share } from './open-loop.ts';
import { type RequestColumns, Requests } from './requests.ts';
import type { SenderReport } from './sender-watch.ts';

/** The rate that one process sends without falling behind, with some to spare. */
const REQUESTS_PER_SECOND = 2000;
/** Until all processes are there. */
const START_AHEAD_MS = 1000;

/** The order to a sending process, and its report at the end. */
export interface SenderTask {
  readonly target: LoadTarget;
  readonly plan: OpenPlan;
  readonly share: Share;
  /** On the wall clock, which is all that the processes share. */
  readonly startAtMs: number;
}

export interface SenderAnswer {
  readonly requests: RequestColumns;
  readonly senders: readonly SenderReport[];
}

/** The open loop in as many processes as its rate takes: one, and then it is this one, up to 2000 requests a second. */
export const runOpenLoad: Engine<OpenPlan> = (target, plan, clock) => {
  const count = Math.ceil((plan.arrivals.length * 1000) / Math.max(1, plan.durationMs) / REQUESTS_PER_SECOND);
  return count <= 1 ? runOpenLoop(target, plan, clock) : runOpenLoopIn(count, target, plan, clock);
};

/** The arrivals are dealt out in turn, so that each process sends the same pattern more thinly. */
export async function runOpenLoopIn(
  count: number,
  target: LoadTarget,
  plan: OpenPlan,
  clock: Clock,
): Promise<LoadResult> {
  const startAtMs = clock.wallNow() + START_AHEAD_MS;
  const answers = await Promise.all(
    Array.from({ length: count }, (_, index) => {
      const arrivals = plan.arrivals.filter((_, arrival) => arrival % count === index);
      return answerOf({ target, plan: { ...plan, arrivals }, share: { index, of: count }, startAtMs });
    }),
  );
  return {
    requests: Requests.merged(answers.map(({ requests }) => Requests.of(requests))),
    durationMs: plan.durationMs,
    senders: answers.flatMap(({ senders }) => senders),
  };
}

async function answerOf(task: SenderTask): Promise<SenderAnswer> {
  const child = fork(fileURLToPath(new URL('./sender-process.ts', import.meta.url)), { serialization: 'advanced' });
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  try {
    child.send(task);
    const ended = once(child, 'exit').then(([code]): never => {
      throw new Error(`A sending process ended with ${String(code)} before it was done`);
    });
    const [answer] = (await Promise.race([once(child, 'message'), ended])) as [SenderAnswer];
    ended.catch(() => {});
    return answer;
  } finally {
    process.off('exit', endWithUs);
    child.kill();
  }
}
