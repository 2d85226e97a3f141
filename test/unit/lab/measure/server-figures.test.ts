import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gaugesOf, serverFigures } from '../../../../src/lab/measure/server-figures.ts';
import { parseMetrics } from '../../../../src/lab/system/metrics-text.ts';

test('parseMetrics reads samples with and without labels, and leaves out what is none', () => {
  const text = [
    '# HELP a_total Of something',
    '# TYPE a_total counter',
    'a_total 3',
    String.raw`b{x="1",y="a\"b\\c\nd, {e}"} 1.5e3`,
    'b{x="2",y=""} +Inf 1700000000000',
    'c{le="+Inf"} NaN',
    'nonsense',
    '{} 5',
    '',
  ].join('\n');
  assert.deepEqual(
    [...parseMetrics(text)],
    [
      ['a_total', [{ labels: {}, value: 3 }]],
      [
        'b',
        [
          { labels: { x: '1', y: 'a"b\\c\nd, {e}' }, value: 1500 },
          { labels: { x: '2', y: '' }, value: Infinity },
        ],
      ],
      ['c', [{ labels: { le: '+Inf' }, value: Number.NaN }]],
    ],
  );
});

test('serverFigures takes counters from before to after, and gauges from the most that was seen', () => {
  const look = (count: number, seconds: number, queued: readonly [number, number], delay: number, refused: number) =>
    parseMetrics(
      [
        `rampart_wait_seconds_sum{endpoint="createBarcode",phase="queue"} ${seconds}`,
        `rampart_wait_seconds_count{endpoint="createBarcode",phase="queue"} ${count}`,
        `rampart_exec_seconds_sum{endpoint="getBarcode",phase="database"} 2`,
        `rampart_exec_seconds_count{endpoint="getBarcode",phase="database"} 20`,
        `rampart_queue_depth{upstream="a",priority="interactive"} ${queued[0]}`,
        `rampart_queue_depth{upstream="a",priority="bulk"} ${queued[1]}`,
        `rampart_event_loop_delay_seconds{role="gateway",quantile="0.5"} 9`,
        `rampart_event_loop_delay_seconds{role="gateway",quantile="0.99"} ${delay}`,
        `rampart_rejections_total{endpoint="a",reason="overloaded"} ${refused}`,
        `rampart_rejections_total{endpoint="b",reason="overloaded"} ${refused}`,
        `rampart_rejections_total{endpoint="b",reason="queue-timeout"} 7`,
        `rampart_db_pool_connections{role="gateway",state="idle"} 5`,
        `rampart_db_pool_connections{role="gateway",state="busy"} ${queued[1]}`,
      ].join('\n'),
    );
  const before = look(100, 1, [9, 9], 5, 10);
  const [during, after] = [look(150, 1.5, [4, 2], 0.02, 10), look(300, 3, [0, 1], 0.01, 15)];
  const figures = serverFigures(before, [during, after]);
  assert.deepEqual(
    serverFigures(before, [gaugesOf(during), after]),
    figures,
    'of a look between, the gauges are enough',
  );
  assert.deepEqual(figures, {
    phases: [{ kind: 'wait', endpoint: 'createBarcode', phase: 'queue', count: 200, meanMs: 10 }],
    refusals: { overloaded: 10 },
    cache: {},
    attempts: {},
    mostQueued: 6,
    eventLoopDelayP99Ms: { gateway: 20 },
    mostPoolBusy: 2,
  });
});

test('serverFigures of a system that was not there before counts from nothing, and of one that went says nothing', () => {
  const after = parseMetrics('rampart_cache_requests_total{endpoint="a",result="hit"} 3');
  assert.deepEqual(serverFigures(parseMetrics(''), [after]).cache, { hit: 3 });
  assert.deepEqual(serverFigures(after, []).cache, {});
});
