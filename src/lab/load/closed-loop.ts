import { ClosedRun } from './closed-run.ts';
import { ClosedUser } from './closed-user.ts';
import type { ClosedPlan, Engine, LoadResult } from './engine.ts';

/** So many users, each with one request in flight (ADR 73). */
export const runClosedLoop: Engine<ClosedPlan> = (target, plan, clock) => new ClosedLoop(target, plan, clock).run();

/** A run with its users. */
export class ClosedLoop extends ClosedRun {
  /** Resolves with the last part of the run, which is all of it where nothing was cut off. */
  async run(): Promise<LoadResult> {
    const { connections, durationMs, stays = [] } = this.plan;
    const always = { fromMs: 0, toMs: Number.POSITIVE_INFINITY };
    const users = Array.from({ length: connections }, (_, index) => new ClosedUser(this, stays[index] ?? always));
    for (const user of users) user.start();
    const atEnd = this.clock.setTimeout(() => this.end(), durationMs);
    const result = await this.ended();
    atEnd.cancel();
    await Promise.all(users.map((user) => user.close()));
    return result;
  }
}
