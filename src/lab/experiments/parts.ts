import { ClosedLoop } from '../load/closed-loop.ts';
import type { ClosedPlan, LoadResult } from '../load/engine.ts';
import type { Mix } from '../load/mix.ts';
import type { Window } from '../measure/figures.ts';
import { type ProcessUse, ProcessWatch, type SystemUse, type WatchedProcess } from '../system/process-watch.ts';
import type { System } from '../system/system.ts';
import { type LabContext, NUMBERS_APART, targetOf } from './step.ts';

export interface PartsOptions {
  readonly system: System;
  readonly mix: Mix;
  readonly plan: ClosedPlan;
  /** When each part ends, in order; the last one with the plan. */
  readonly endsMs: readonly number[];
}

/** A stretch of a run, and what was seen meanwhile. */
export interface Part {
  readonly window: Window;
  readonly result: LoadResult;
  readonly use: SystemUse;
  /** The lab's own process; undefined where processes cannot be watched. */
  readonly lab: ProcessUse | undefined;
}

/**
 * One closed load, handed over in parts while it goes on: what the receiver does not keep of a part is forgotten, so that
 * the lab does not grow with the length of the run. The processes are looked up anew for each part.
 */
export async function* loadInParts(options: PartsOptions, { clock, numbers }: LabContext): AsyncGenerator<Part> {
  const { system, mix, plan, endsMs } = options;
  const target = targetOf(system, mix, numbers.next);
  let processes = await system.processes();
  const loop = new ClosedLoop(target, plan, clock);
  const last = loop.run();
  const until = (atMs: number): Promise<void> =>
    new Promise((resolve) => void clock.setTimeout(resolve, Math.max(0, atMs - loop.elapsedMs())));
  try {
    let fromMs = 0;
    for (const [index, endMs] of endsMs.entries()) {
      const watches = [processes, [ownProcess]].map((each) => new ProcessWatch(each, clock));
      await until(endMs);
      const cut = index === endsMs.length - 1 ? { atMs: plan.durationMs, result: last } : loop.cut();
      const [use, own] = watches.map((watch) => watch.stop()) as [SystemUse, SystemUse];
      // Where its control does not answer, the processes are those that were known.
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

const ownProcess: WatchedProcess = { role: 'lab', instance: 0, pid: process.pid };
