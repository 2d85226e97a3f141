import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LabProgress } from '../../../../src/cli/lab/lab-progress.ts';
import { leftText, timeLine } from '../../../../src/cli/lab/time-left.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const told = (leftMs: number) => ({ estimatedAtMs: 0, leftMs });

test('leftText rounds a guess up to what a person wants to know, and does not fall below nothing', () => {
  assert.deepEqual(
    [90_500, 31_000, 7400, 900, 3_700_000].map((leftMs) => leftText(told(leftMs), 0)),
    ['about 1 min 35 s left', 'about 35 s left', 'about 8 s left', 'done in a moment', 'about 1 h 2 min left'],
  );
  assert.equal(leftText(told(600_000), 0), 'about 10 min left');
  assert.equal(leftText(told(5000), 60_000), 'it takes longer than expected');
});

test('timeLine shows the share of the time, and never that all is done', () => {
  assert.equal(
    timeLine('ramp', told(30_000), { startedAtMs: -10_000, nowMs: 0 }),
    'ramp [#######-----------------------] 25 %, about 30 s left',
  );
  assert.match(timeLine('ramp', told(1000), { startedAtMs: 0, nowMs: 90_000 }), /99 %, it takes longer than expected$/);
  assert.match(timeLine('ramp', told(0), { startedAtMs: 0, nowMs: 0 }), / 0 %/);
});

function progress(columns: number | undefined) {
  const clock = new ManualClock();
  let text = '';
  const out = { write: (part: string) => void (text += part) };
  return { clock, lab: new LabProgress({ name: 'ramp', out, clock, columns }), written: () => text };
}

test('LabProgress draws its line again each second below what is said, and leaves the terminal as it was', () => {
  const { clock, lab, written } = progress(60);
  lab.expect(60_000);
  clock.advance(3000);
  lab.say('  50 requests/s: fine');
  lab.stop();
  const screen = afterControls(written());
  assert.deepEqual(screen, ['  50 requests/s: fine', '']);
  assert.equal(written().match(/about 1 min left/g)?.length, 5, 'at once, each second, and after what was said');
  clock.advance(5000);
  lab.expect(5000);
  assert.deepEqual(afterControls(written()), screen, 'nothing is drawn after the end');
});

test('LabProgress does not wrap in a narrow terminal', () => {
  const { lab, written } = progress(20);
  lab.expect(60_000);
  assert.equal(written().length, 19);
});

test('LabProgress writes whole lines without a terminal, and the time now and then', () => {
  const { clock, lab, written } = progress(undefined);
  for (let second = 0; second < 40; second += 10) {
    lab.expect(60_000 - second * 1000);
    lab.say(`  step ${second}`);
    clock.advance(10_000);
  }
  lab.stop();
  assert.deepEqual(written().split('\n'), [
    '  about 1 min left',
    '  step 0',
    '  step 10',
    '  about 40 s left',
    '  step 20',
    '  step 30',
    '',
  ]);
});

/** The lines of a terminal that knows no more than how to clear the one it is on. */
function afterControls(text: string): string[] {
  return text.split('\n').map((line) => line.split('\u001b[2K').at(-1)?.replaceAll('\r', '') ?? '');
}
