import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainText } from '../../../../src/cli/top/plain.ts';
import { screenOf, type TopData } from '../../../../src/cli/top/screen.ts';
import { Pen } from '../../../../src/cli/top/style.ts';
import { widthOf } from '../../../../src/cli/top/text.ts';
import { initialState, type TopState } from '../../../../src/cli/top/top-state.ts';
import { degradedView } from '../../../support/live-view.ts';

const data: TopData = {
  view: degradedView,
  ratesPerSecond: [1, 2, null, 4],
  latenciesMs: [8, 8, 8, 8],
  silentMs: 200,
  problem: undefined,
};
const plain = new Pen({ isColored: false, isUnicode: true });
const screen = (state: Partial<TopState> = {}, columns = 80, shown: Partial<TopData> = {}): string[] =>
  screenOf({ ...data, ...shown }, { ...initialState, ...state }, { columns, rows: 24 }, plain).map((line) =>
    line.trimEnd(),
  );

test('80 × 24: state, cause, next step, numbers, the chain and the backends', () => {
  assert.deepEqual(screen(), [
    '▲ DEGRADED for 65 s · backend b of upstream app is down (ECONNREFUSED); 1 of 2',
    '    serve',
    '  next: start it again, or look into its log: the health check says what fails',
    '  and 1 more: clients over their limits are refused 2 requests/s',
    '  1,235 req/s     ▂▄ █',
    '  p95 48.6 ms     ████',
    '  p50 12.3 ms   p99 120 ms   errors 1.2 %   refused 2/s (rate-limited 2)',
    '  queue 3 · permits 15/16 · backends 1/2 · processors 63 % · database answers',
    '',
    '[backends] endpoints  processes',
    '  BACKEND v     STATE    IN FLIGHT         REQ/S    FAILED/S',
    '> app/a         up       ███████▌ 15/16    1,230           0',
    '  app/b         DOWN     ░░░░░░░░ 0/16         0           0',
    ...Array.from({ length: 10 }, () => ''),
    'q quit   p pause   Tab table   s sort   / filter   b not well   Enter detail   …',
  ]);
});

test('every table, detail, help and filter fits every size, with and without colors', () => {
  const states: Partial<TopState>[] = [
    {},
    { table: 'endpoints' },
    { table: 'processes' },
    { isDetail: true },
    { isHelp: true },
    { isTyping: true, filter: 'a' },
    { isPaused: true, isBadOnly: true },
  ];
  for (const style of [true, false].flatMap((isColored) =>
    [true, false].map((isUnicode) => ({ isColored, isUnicode })),
  )) {
    for (const columns of [20, 40, 79, 80, 120, 200]) {
      for (const state of states) {
        const lines = screenOf(data, { ...initialState, ...state }, { columns, rows: 24 }, new Pen(style));
        assert.equal(lines.length, 24);
        for (const line of lines) assert.ok(widthOf(line) <= columns, `${columns}: ${line}`);
        if (!style.isUnicode) assert.match(lines.join('').replaceAll('\u001b', ''), /^[ -~]*$/);
      }
    }
  }
});

test('60 columns: the next step keeps its indent, and what is refused is not cut off', () => {
  const [, , third] = screen({}, 60);
  assert.match(third ?? '', /^ {2}next: /);
  const lines = screen({ table: 'endpoints' }, 60);
  const at = lines.findIndex((line) => line.includes('ENDPOINT'));
  assert.ok(at > 0 && lines[at]?.endsWith('REFUSED/S') === true, lines.join('\n'));
  assert.ok(!lines.slice(at, at + 3).some((line) => line.endsWith('…')));
});

test('endpoints beyond their promise and processes that are silent are what is not well', () => {
  const bad = screen({ table: 'endpoints', isBadOnly: true }).join('\n');
  assert.match(bad, /work +1,230 +48\.6 ms +40 ms/);
  assert.doesNotMatch(bad, /listThings/);
  assert.match(screen({ table: 'processes', isBadOnly: true }).join('\n'), /nothing to show with this filter/);
});

test('no news: after three seconds without an answer, but not while it is paused', () => {
  assert.match(screen({}, 80, { silentMs: 3200 })[0] ?? '', /^◌ NO-NEWS for 3 s · control does not answer/);
  assert.match(screen({ isPaused: true }, 80, { silentMs: 3200 })[0] ?? '', /^▲ DEGRADED/);
  const absent = screen({}, 80, { view: undefined, problem: 'control does not answer' });
  assert.match(absent[0] ?? '', /^◌ NO-NEWS · control does not answer/);
});

test('names of others cannot move the cursor', () => {
  const evil = '\u001b[2Jb\r\n';
  const { a } = degradedView.upstreams['app']?.backends ?? {};
  assert.ok(a !== undefined);
  const view = {
    ...degradedView,
    upstreams: {
      app: { inFlight: 0, cap: 1, permits: 1, queued: 0, streams: 0, requestsPerSecond: 0, backends: { [evil]: a } },
    },
  };
  const lines = screenOf({ ...data, view }, initialState, { columns: 80, rows: 24 }, plain);
  assert.deepEqual(
    ['\u001b', '\r'].filter((control) => lines.join('').includes(control)),
    [],
  );
  assert.match(lines.join('\n'), /app\/\\u001b\[2Jb/);
});

test('plain text has every row and no escape sequence', () => {
  const text = plainText(degradedView, false);
  assert.match(text, /^! DEGRADED for 65 s: backend b of upstream app is down/);
  assert.match(text, /docs\/runbook\.md#backend-down/);
  for (const name of ['app/a', 'app/b', 'listThings', 'work', 'gateway 0', 'batch 0'])
    assert.ok(text.includes(name), name);
  assert.match(text, /^[\n -~]*$/);
});
