import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import type { ExportResult } from '../../../../src/control/traces/otlp-sender.ts';
import { TraceExporter } from '../../../../src/control/traces/trace-exporter.ts';
import { Bugs } from '../../../../src/metrics/bugs.ts';
import { Registry } from '../../../../src/metrics/instruments.ts';
import { spanCounts } from '../../../../src/metrics/span-counts.ts';
import { toWireRequest } from '../../../../src/protocol/trace-wire.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { requestRecord } from '../../../support/trace-records.ts';

const taken: ExportResult = { outcome: 'taken', rejected: 0, why: '' };
const failed: ExportResult = { outcome: 'failed', why: 'the collector answered 503', retryAfterMs: undefined };

let clock: ManualClock;
let bodies: string[];
let answers: (ExportResult | Promise<ExportResult>)[];
let exporter: TraceExporter;
let lines: string[];
let counts: (result: string) => number;
beforeEach(() => {
  clock = new ManualClock();
  bodies = [];
  answers = [];
  lines = [];
  const registry = new Registry();
  const family = spanCounts(registry);
  counts = (result) => family.of(result).value;
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
  exporter = new TraceExporter({
    clock,
    random: () => 1,
    log,
    bugs: new Bugs(log, registry),
    counts: family,
    body: (spans) => `[${spans}]`,
    post: async (body, closing) => {
      bodies.push(body);
      const aborted = new Promise<ExportResult>((resolve) => {
        closing.addEventListener('abort', () => resolve({ ...failed, why: 'it was closed' }));
      });
      return Promise.race([answers.shift() ?? taken, aborted]);
    },
  });
});

/** Goes on by so much, and lets what was waiting for it run. */
async function advance(ms: number): Promise<void> {
  clock.advance(ms);
  for (let index = 0; index < 3; index++) await turn();
}

test('TraceExporter: sends after five seconds, or when 512 spans wait', async () => {
  exporter.add('a,b', 2);
  await advance(4999);
  assert.deepEqual(bodies, []);
  await advance(1);
  assert.deepEqual(bodies, ['[a,b]']);
  exporter.add('c', 512);
  await advance(0);
  assert.deepEqual(bodies, ['[a,b]', '[c]']);
  assert.equal(counts('sent'), 514);
});

test('TraceExporter: repeats a request five times, with growing pauses, then drops its spans and goes on with the next', async () => {
  answers = [failed, failed, failed, failed, failed];
  exporter.add('old', 600);
  await advance(0);
  exporter.add('new', 1);
  for (const [pauseMs, sent] of [
    [1000, 2],
    [2000, 3],
    [4000, 4],
    [8000, 5],
  ] as const) {
    await advance(pauseMs - 1);
    assert.equal(bodies.length, sent - 1);
    await advance(1);
    assert.equal(bodies.length, sent);
  }
  assert.equal(counts('dropped'), 600);
  await advance(5000);
  assert.equal(bodies.at(-1), '[new]');
  assert.equal(counts('sent'), 1);
  assert.equal(lines.length, 1, 'one line a minute');
});

test('TraceExporter: waits for as long as the collector asks', async () => {
  answers = [{ ...failed, retryAfterMs: 20_000 }];
  exporter.add('a', 512);
  await advance(0);
  await advance(19_999);
  assert.equal(bodies.length, 1);
  await advance(1);
  assert.equal(bodies.length, 2);
});

test('TraceExporter: what the collector refuses or rejects in part is counted and not sent again', async () => {
  answers = [
    { outcome: 'refused', why: 'the collector answered 400' },
    { outcome: 'taken', rejected: 12, why: 'too long' },
  ];
  exporter.add('a', 512);
  await advance(0);
  exporter.add('b', 512);
  await advance(0);
  assert.deepEqual([bodies.length, counts('rejected'), counts('sent'), counts('dropped')], [2, 524, 500, 0]);
});

test('TraceExporter: holds 2 MiB while a collector hangs, and counts what it drops', async () => {
  const hangs = Promise.withResolvers<ExportResult>();
  answers = [hangs.promise];
  const text = 'x'.repeat(64 * 1024);
  exporter.add(text, 512);
  for (let index = 0; index < 100; index++) exporter.add(text, 100);
  assert.equal(bodies.length, 1);
  assert.equal(counts('dropped'), 6800);
  hangs.resolve(taken);
  await advance(0);
  for (let index = 0; index < 20; index++) await advance(5000);
  assert.equal(counts('sent'), 512 + 3200);
  assert.ok(bodies.every((body) => body.length < 0.6 * 1024 * 1024));
});

test('TraceExporter: a collector that is broken for ten minutes costs a line a minute; every span is sent or counted', async () => {
  const broken = 600;
  const refused: ExportResult = { outcome: 'refused', why: 'the collector answered 400' };
  const hung = (): Promise<ExportResult> =>
    new Promise((resolve) => void clock.setTimeout(() => resolve({ ...failed, why: 'no answer in 10 s' }), 10_000));
  let [added, asked] = [0, 0];
  const second = async (): Promise<void> => {
    // Of 100 requests, a span of 700 characters each.
    for (let part = 0; part < 10; part++) exporter.add(`s${'x'.repeat(699)}`.repeat(10), 10);
    added += 100;
    await advance(1000);
  };
  for (let index = 0; index < broken; index++) {
    while (answers.length < 2) answers.push([failed, hung(), refused][asked++ % 3] ?? failed);
    await second();
  }
  const longest = Math.max(...bodies.map(({ length }) => length));
  assert.ok(longest <= 530_000, `${longest} characters in one request`);
  assert.ok(lines.length >= 5 && lines.length <= 11, `${lines.length} lines`);
  answers.length = 0;
  const before = counts('sent');
  for (let index = 0; index < 60; index++) await second();
  assert.ok(counts('sent') - before >= 60 * 100, 'it catches up');
  await exporter.close();
  assert.equal(counts('sent') + counts('dropped') + counts('rejected'), added);
});

test('TraceExporter: at its end it sends what waits, and gives a hanging collector one second', async () => {
  exporter.add('a', 1);
  await exporter.close();
  assert.deepEqual(bodies, ['[a]']);
  exporter.add('late', 1);
  assert.equal(counts('dropped'), 1);
});

test('TraceExporter: a collector that hangs does not keep control from ending', async () => {
  answers = [new Promise<ExportResult>(() => {})];
  exporter.add('a', 512);
  exporter.add('b', 3);
  const closed = exporter.close();
  await advance(1000);
  await closed;
  assert.deepEqual([counts('sent'), counts('dropped')], [0, 515]);
});

test('TraceExporter: takes the records of workers, and counts those that it cannot read', async () => {
  exporter.take({ requests: [toWireRequest(requestRecord()), ['nonsense']], attempts: [['nonsense']] });
  await advance(5000);
  assert.equal(bodies.length, 1);
  assert.deepEqual([counts('sent'), counts('rejected')], [2, 2]);
});
