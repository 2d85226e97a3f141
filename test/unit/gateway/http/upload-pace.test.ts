import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PaceLimits, UploadPace } from '../../../../src/gateway/http/upload-pace.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const limits: PaceLimits = { silenceMs: 1000, graceMs: 3000, bytesPerSecond: 100 };

/** Sends so many bytes every half second; when it was found too slow, or undefined. */
function run(
  bytesAt: (ms: number) => number,
  untilMs: number,
  held: (pace: UploadPace, ms: number) => void = () => {},
) {
  const clock = new ManualClock();
  const slowAt: number[] = [];
  let elapsed = 0;
  const pace = new UploadPace(clock, limits, () => slowAt.push(elapsed));
  while (elapsed < untilMs && slowAt.length === 0) {
    held(pace, elapsed);
    const bytes = bytesAt(elapsed);
    if (bytes > 0) pace.received(bytes);
    elapsed += 500;
    clock.advance(500);
  }
  pace.stop();
  return slowAt[0];
}

test('UploadPace finds a client too slow that is silent', () => {
  assert.equal(
    run((ms) => (ms < 2000 ? 1000 : 0), 10_000),
    3000,
  );
});

test('UploadPace lets a trickle pass for a while, and then goes by the average', () => {
  assert.equal(
    run(() => 1, 10_000),
    4000,
  );
  assert.equal(
    run(() => 60, 10_000),
    undefined,
  );
});

test('UploadPace does not count the time in which our side takes nothing', () => {
  const held = (pace: UploadPace, ms: number): void => pace.hold(ms >= 1000 && ms < 8000);
  assert.equal(
    run((ms) => (ms < 1000 || ms >= 8000 ? 60 : 0), 10_000, held),
    undefined,
  );
});
