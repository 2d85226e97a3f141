import autocannon from 'autocannon';
import { type CannonClient, ClosedConnection } from './closed-connection.ts';
import { ClosedRun } from './closed-run.ts';
import type { ClosedPlan, Engine, LoadResult } from './engine.ts';

/** Longer than any run; the end is ours to say, so that what is under way then is waited for and counted. */
const FOREVER_SECONDS = 1_000_000;
/** autocannon looks this often whether it shall stop. */
const STOP_SAMPLE_MS = 100;

/**
 * So many connections of autocannon, each with one request under way. Of autocannon only connections, parser and stop are
 * used: its counts leave out lost replies, its correction for coordinated omission is wrong by a factor of 1000, and it
 * knows no mixes. See closed-connection.ts.
 */
export const runClosedLoop: Engine<ClosedPlan> = (target, plan, clock) => new ClosedLoop(target, plan, clock).run();

/** A run with its connections. */
export class ClosedLoop extends ClosedRun {
  /** Resolves with the last part of the run, which is all of it where nothing was cut off. */
  async run(): Promise<LoadResult> {
    const { connections, durationMs, stays = [] } = this.plan;
    const stopped = Promise.withResolvers<void>();
    const arriving = stays.values();
    const always = { fromMs: 0, toMs: Number.POSITIVE_INFINITY };
    const options = {
      url: this.target.origin,
      connections,
      duration: FOREVER_SECONDS,
      timeout: FOREVER_SECONDS,
      sampleInt: STOP_SAMPLE_MS,
      setupClient: (client: unknown) =>
        void new ClosedConnection(this, client as CannonClient, arriving.next().value ?? always),
    };
    const cannon = autocannon(options, () => stopped.resolve());
    const atEnd = this.clock.setTimeout(() => this.end(), durationMs);
    const result = await this.ended();
    atEnd.cancel();
    cannon.stop();
    await stopped.promise;
    return result;
  }
}
