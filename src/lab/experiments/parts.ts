import { messageOf } from '../../core/errors.ts';
import { ClosedLoop } from '../load/closed-loop.ts';
import type { ClosedPlan, LoadResult } from '../load/engine.ts';
import type { Mix } from '../load/mix.ts';
import type { Window } from '../measure/figures.ts';
import { type ProcessUse, ProcessWatch, type SystemUse, type WatchedProcess } from '../system/process-watch.ts';
import { lookAt } from '../system/look.ts';
import type { System } from '../system/system.ts';
import { type LabContext, NUMBERS_APART, targetOf } from './step.ts';

export interface PartsOptions {
  readonly system: System;
  readonly mix: Mix;
  readonly plan: ClosedPlan;
  /** When each part ends, in order; the last one with the plan. */
  readonly endsMs: readonly number[];
  /** Whether the run ends with TargetGone once the target does not answer any more. */
  readonly endsWithTarget?: boolean;
}

/** A stretch of a run, and what was seen meanwhile. */
export interface Part {
  readonly window: Window;
  readonly result: LoadResult;
  readonly use: SystemUse;
  /** The lab's own process; undefined where processes cannot be watched. */
  readonly lab: ProcessUse | undefined;
}

/** Thrown where the target has ended while it was loaded. */
export class TargetGone extends Error {}

/** Longer than a connection takes to come back behind a process that is replaced. */
const GONE_MS = 5000;
const LOOK_MS = 500;

/**
 * One closed load, handed over in parts while it goes on: what the receiver does not keep of a part is forgotten, so that
 * the lab does not grow with the length of the run. The processes are looked up anew for each part.
 */
export async function* loadInParts(options: PartsOptions, { clock, numbers }: LabContext): AsyncGenerator<Part> {
  const { system, mix, plan, endsMs, endsWithTarget = false } = options;
  const target = targetOf(system, mix, numbers.next);
  let processes = await system.processes();
  const loop = new ClosedLoop(target, plan, clock);
  const last = loop.run();
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => void clock.setTimeout(resolve, Math.max(0, ms)));
  const until = async (atMs: number): Promise<void> => {
    while (atMs - loop.elapsedMs() > LOOK_MS) {
      await pause(LOOK_MS);
      if (endsWithTarget && loop.lostForMs() >= GONE_MS) await checkThere(system, loop.lostForMs());
    }
    await pause(atMs - loop.elapsedMs());
  };
  try {
    let fromMs = 0;
    for (const [index, endMs] of endsMs.entries()) {
      const watches = [processes, [ownProcess]].map((each) => new ProcessWatch(each, clock));
      await until(endMs);
      const cut = index === endsMs.length - 1 ? { atMs: plan.durationMs, result: last } : loop.cut();
      const [use, own] = watches.map((watch) => watch.stop()) as [SystemUse, SystemUse];
      // If control does not answer, the processes are those that were known before.
      processes = await system.processes().catch(() => processes);
      yield { window: { fromMs, toMs: cut.atMs }, result: await cut.result, use, lab: own.processes[0] };
      fromMs = cut.atMs;
    }
  } finally {
    loop.end();
    await last;
    numbers.next += loop.begun + NUMBERS_APART;
  }
}

/** Throws TargetGone where the target cannot be reached. */
async function checkThere(system: System, lostForMs: number): Promise<void> {
  try {
    await lookAt(system);
  } catch (error) {
    throw new TargetGone(
      `the target is gone: for ${(lostForMs / 1000).toFixed(0)} s every connection has failed. ${messageOf(error)}`,
      { cause: error },
    );
  }
}

const ownProcess: WatchedProcess = { role: 'lab', instance: 0, pid: process.pid };
