import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Bugs } from '../../../src/metrics/bugs.ts';
import { renderPrometheus } from '../../../src/metrics/exposition.ts';
import { Registry } from '../../../src/metrics/instruments.ts';

function setUp() {
  const lines: { msg: string; where: string; requestId?: string; err: { stack: string } }[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const registry = new Registry();
  return { lines, registry, bugs: new Bugs(log, registry) };
}

test('Bugs logs an exception with its stack and the request, and counts it by place', () => {
  const { lines, registry, bugs } = setUp();
  bugs.report('attempt', new TypeError('no'), { requestId: 'r1' });
  bugs.report('attempt', 'a text');
  assert.equal(lines.length, 2);
  assert.equal(lines[0]?.requestId, 'r1');
  assert.match(lines[0]?.err.stack ?? '', /TypeError: no\n {4}at /);
  assert.match(renderPrometheus(registry.snapshot()), /^rampart_bugs_total\{where="attempt"\} 2$/m);
});

test('Bugs.guard reports what its callback throws, and cleans up with the same arguments', () => {
  const { lines, bugs } = setUp();
  const cleaned: number[] = [];
  const guarded = bugs.guard(
    'socket',
    (value: number) => {
      if (value > 1) throw new Error('too many');
    },
    (value) => void cleaned.push(value),
  );
  guarded(1);
  guarded(2);
  assert.deepEqual(cleaned, [2]);
  assert.equal(lines.length, 1);
});

test('a gauge that cannot be read keeps its value, and the others are read', () => {
  const { lines, registry } = setUp();
  const [first, second] = [
    registry.gauge('first', 'first', 'sum').of(),
    registry.gauge('second', 'second', 'sum').of(),
  ];
  first.set(7);
  // As process.memoryUsage.rss() does when there are no descriptors left.
  registry.onSnapshot(() => {
    throw new Error('EMFILE: too many open files, uv_resident_set_memory');
  });
  registry.onSnapshot(() => second.set(3));
  const text = renderPrometheus(registry.snapshot());
  assert.match(text, /^first 7$/m);
  assert.match(text, /^second 3$/m);
  assert.equal(lines.length, 1);
});
