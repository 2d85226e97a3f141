import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../src/core/random.ts';
import { type CalibratedOptions, calibratedWork } from '../../../src/generator/calibrated.ts';
import { SlotQueue } from '../../../src/generator/slots.ts';
import { VirtualClock } from './virtual-clock.ts';

const deterministic = { serviceTimeMs: 55, law: 'deterministic' } as const;

test('calibratedWork holds each of 4 slots for 55 ms: 8 jobs end at 55 and 110 ms', async () => {
  const ends = await endsOf({ options: deterministic, jobs: 8, lateMs: 0, untilMs: 200 });
  assert.deepEqual(ends, [55, 55, 55, 55, 110, 110, 110, 110]);
});

test('calibratedWork with a backlog has its capacity although timers fire late', async () => {
  const ends = await endsOf({ options: deterministic, jobs: 4000, lateMs: 1.3, untilMs: 60_000 });
  // 4,000 jobs on 4 slots of 55 ms, and the last timer is late once.
  assert.ok(Math.abs((ends.at(-1) ?? 0) - 55_001.3) < 1e-6, `last job ended at ${ends.at(-1)}`);
});

test('calibratedWork has its capacity where each caller waits for the late reply before it sends again', async () => {
  const clock = new VirtualClock(1.3);
  const work = calibratedWork(deterministic, clock, seededRandom(1));
  const slots = new SlotQueue({ slots: 1, queueCapacity: 0, queueTimeoutMs: 1 }, clock);
  let done = 0;
  const caller = async (): Promise<void> => {
    for (;;) {
      await serve(work, slots);
      done++;
    }
  };
  void caller();
  await clock.advanceTo(55_000);
  assert.ok(done >= 999 && done <= 1001, `${done} jobs in 55 s of 55 ms`);
});

test('calibratedWork with the exponential law has the mean and spread of it, and repeats itself by seed', async () => {
  const options = { serviceTimeMs: 20, law: 'exponential' } as const;
  const ends = await endsOf({ options, jobs: 20_000, lateMs: 0, untilMs: 1_000_000, slots: 1 });
  const times = ends.map((end, index) => end - (ends[index - 1] ?? 0));
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const spread = Math.sqrt(times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / times.length);
  assert.ok(Math.abs(mean - 20) < 0.4, `mean ${mean}`);
  assert.ok(Math.abs(spread - 20) < 0.8, `standard deviation ${spread}`);
  const again = await endsOf({ options, jobs: 20, lateMs: 0, untilMs: 10_000, slots: 1 });
  assert.deepEqual(again, ends.slice(0, 20));
});

interface Run {
  readonly options: CalibratedOptions;
  readonly jobs: number;
  readonly lateMs: number;
  readonly untilMs: number;
  readonly slots?: number;
}

/** When each job ended, all of them asked for at 0. */
async function endsOf({ options, jobs, lateMs, untilMs, slots: count = 4 }: Run): Promise<number[]> {
  const clock = new VirtualClock(lateMs);
  const work = calibratedWork(options, clock, seededRandom(1));
  const slots = new SlotQueue({ slots: count, queueCapacity: jobs, queueTimeoutMs: Infinity }, clock);
  const ends: number[] = [];
  for (let job = 0; job < jobs; job++) void serve(work, slots).then(() => ends.push(clock.now()));
  await clock.advanceTo(untilMs);
  assert.equal(ends.length, jobs);
  return ends;
}

async function serve(work: ReturnType<typeof calibratedWork>, slots: SlotQueue): Promise<void> {
  const asked = slots.ask();
  const outcome = 'outcome' in asked ? await asked.outcome : asked;
  assert.ok(outcome.admitted);
  const prepared = work.prepare({});
  assert.ok(prepared.ok);
  await prepared.job(outcome.permit);
  outcome.permit.release();
}
