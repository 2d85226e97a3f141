import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LabRuns, type RampOrder, rampSeconds, type RunProgress } from '../../../src/control/lab-runs.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-runs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const order: RampOrder = { from: 50, to: 150, by: 50, hold: 5, gate: 100 };

/** Runs whose processes end when they are told to. */
function open() {
  const clock = new ManualClock();
  const notes: string[] = [];
  const stopped: number[] = [];
  let said: (line: string) => void = () => {};
  let end: (code: number | null) => void = () => {};
  const runs = new LabRuns({
    clock,
    folder,
    start: (_order, say) => {
      said = say;
      const { promise, resolve } = Promise.withResolvers<number | null>();
      end = resolve;
      return { stop: () => void stopped.push(clock.now()), ended: promise };
    },
    note: (_kind, text) => notes.push(text),
  });
  return { runs, clock, notes, stopped, say: (line: string) => said(line), end: (code: number | null) => end(code) };
}

test('one ramp at a time, whose last lines are kept, and marks at its beginning and end', async () => {
  const { runs, notes, say, end } = open();
  const progress = (): RunProgress | null => runs.progress;
  assert.equal(progress(), null);
  assert.equal(runs.start(order, 'console'), true);
  assert.equal(runs.start(order, 'console'), false);
  for (let line = 0; line < 20; line++) say(`line ${line}`);
  assert.deepEqual(progress()?.lines.length, 12);
  assert.equal(progress()?.lines.at(-1), 'line 19');
  end(1);
  await new Promise(setImmediate);
  assert.deepEqual([progress()?.is_over, progress()?.exit_code], [true, 1]);
  assert.deepEqual(notes, ['lab ramp from 50 to 150 requests/s has begun', 'lab ramp has ended: a gate failed']);
  assert.equal(runs.start(order, 'console'), true);
});

test('a ramp can be cancelled, and is ended when it takes far longer than its steps', async () => {
  const { runs, clock, stopped, notes, end } = open();
  assert.equal(runs.cancel(), false);
  runs.start(order, 'console');
  assert.equal(rampSeconds(order), 15);
  clock.advance(149_999);
  assert.deepEqual(stopped, []);
  clock.advance(1);
  assert.deepEqual(stopped, [150_000]);
  assert.equal(runs.cancel(), true);
  end(null);
  await new Promise(setImmediate);
  assert.equal(notes.at(-1), 'lab ramp has ended: cancelled');
  assert.equal(runs.cancel(), false);
});

test('lists whole runs, the newest first, and gives a report only by the name of a run', async () => {
  const { runs } = open();
  const write = (id: string, record: string): void => {
    mkdirSync(join(folder, id), { recursive: true });
    writeFileSync(join(folder, id, 'run.json'), record);
    writeFileSync(join(folder, id, 'report.html'), `<p>${id}`);
  };
  const whole = {
    experiment: 'ramp',
    verdict: 'passed',
    startedAt: '2026-11-27T10:00:00Z',
    seconds: 9,
    findings: ['good'],
  };
  write('1-ramp', JSON.stringify({ ...whole, id: '1-ramp', series: [] }));
  write('2-ramp', JSON.stringify({ ...whole, id: '2-ramp' }));
  write('3-ramp', '{"half":');
  write('4-ramp', '{"id":"4-ramp"}');
  writeFileSync(join(folder, 'secret'), 'x');
  assert.deepEqual(
    (await runs.list()).map(({ id }) => id),
    ['2-ramp', '1-ramp'],
  );
  assert.equal(await runs.report('1-ramp'), '<p>1-ramp');
  for (const id of ['../secret', '..', 'none', '', '1-ramp/../2-ramp'])
    assert.equal(await runs.report(id), undefined, id);
});
