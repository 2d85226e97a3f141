import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sidesIn, windowOf } from '../../../../src/lab/canary/sides.ts';
import { parseMetrics } from '../../../../src/lab/system/metrics-text.ts';

interface Side {
  readonly ok: number;
  readonly failed?: number;
  /** Cumulative, up to 0.1, 0.2 and infinity. */
  readonly buckets: readonly [number, number, number];
}

const metricsOf = (sides: Readonly<Record<string, Side>>, endpoint = 'checkout') =>
  parseMetrics(
    Object.entries(sides)
      .flatMap(([upstream, { ok, failed = 0, buckets }]) => [
        `rampart_side_requests_total{endpoint="${endpoint}",upstream="${upstream}",status="200"} ${ok}`,
        `rampart_side_requests_total{endpoint="${endpoint}",upstream="${upstream}",status="502"} ${failed}`,
        ...['0.1', '0.2', '+Inf'].map(
          (le, index) =>
            `rampart_side_latency_seconds_bucket{endpoint="${endpoint}",upstream="${upstream}",le="${le}"} ${buckets[index]}`,
        ),
      ])
      .join('\n'),
  );

test('a window has the requests of the canary, and those of all other sides together', () => {
  const before = metricsOf({ v1: { ok: 10, buckets: [10, 10, 10] }, v2: { ok: 1, buckets: [1, 1, 1] } });
  const after = metricsOf({
    v1: { ok: 110, failed: 2, buckets: [60, 112, 112] },
    v1b: { ok: 50, buckets: [50, 50, 50] },
    v2: { ok: 21, failed: 1, buckets: [11, 22, 22] },
  });
  const { canary, rest } = windowOf(before, after, 'checkout', 'v2');
  assert.deepEqual([canary.requests, canary.failed, rest.requests, rest.failed], [21, 1, 152, 2]);
  // 95 % of 21 are 19.95; ten are below 0.1, so 9.95 of the 11 up to 0.2.
  assert.ok(Math.abs(canary.p95Ms - (100 + (100 * 9.95) / 11)) < 1e-6, `${canary.p95Ms}`);
});

test('a counter that began anew counts from zero, and a side without requests has no p95', () => {
  const before = metricsOf({ v1: { ok: 500, buckets: [500, 500, 500] }, v2: { ok: 5, buckets: [5, 5, 5] } });
  const after = metricsOf({ v1: { ok: 20, buckets: [20, 20, 20] }, v2: { ok: 5, buckets: [5, 5, 5] } });
  const { canary, rest } = windowOf(before, after, 'checkout', 'v2');
  assert.equal(rest.requests, 20);
  assert.deepEqual([canary.requests, canary.p95Ms], [0, Number.NaN]);
});

test('beyond the last bound a p95 is that bound, and other endpoints do not count', () => {
  const none = metricsOf({});
  const after = metricsOf({ v1: { ok: 20, buckets: [0, 0, 20] }, v2: { ok: 20, buckets: [20, 20, 20] } });
  assert.equal(windowOf(none, after, 'checkout', 'v1').canary.p95Ms, 200);
  assert.equal(windowOf(none, after, 'search', 'v1').canary.requests, 0);
  assert.deepEqual(sidesIn(after), new Map([['checkout', new Set(['v1', 'v2'])]]));
});
