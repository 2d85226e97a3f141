import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSlo } from '../../../../src/config/slo-file.ts';
import { describeMix, mixProblems, sloMix } from '../../../../src/lab/experiments/slo-mix.ts';
import type { LabContext, Step } from '../../../../src/lab/experiments/step.ts';
import { endpointTargets, gatesAt, type Targets, violations } from '../../../../src/lab/experiments/targets.ts';
import { requestOf } from '../../../../src/lab/load/mix.ts';
import type { System } from '../../../../src/lab/system/system.ts';
import type { Slo } from '../../../../src/policy/slo/slo.ts';

function sloOf(text: string): Slo {
  const parsed = parseSlo(text, 'slo.yaml');
  assert.ok(parsed.ok);
  return parsed.slo;
}

const figures = (p95Ms: number, { p99Ms = p95Ms, errors = 0, refused = 0, timeouts = 0 } = {}) => ({
  latency: { p95Ms, p99Ms },
  errorShare: errors,
  refusedShare: refused,
  outcomes: { timeout: timeouts },
});

const stepOf = (all: object, endpoints: Readonly<Record<string, object>> = {}): Step =>
  ({
    figures: all,
    endpoints: Object.entries(endpoints).map(([endpoint, each]) => ({ endpoint, ...each })),
  }) as unknown as Step;

const alone: Targets = { p95Ms: 100, maxFailedShare: 0.01 };
const slo = sloOf(`
service: shop
endpoints:
  - { id: read, load: { weight: 3 }, gate: { p95: 50ms, timeouts: 0 }, request: { path: '/items/{{code}}?n={{n}}' } }
  - { id: createBarcode, load: { weight: 1 }, gate: { p99: 200ms, failed: 2% } }
  - { id: health, gate: { p95: 1ms } }
`);
const mixed: Targets = { ...alone, endpoints: endpointTargets(slo) };

test('violations of a single mix go by all requests: p95, and errors with refusals', () => {
  assert.deepEqual(violations(stepOf(figures(100, { errors: 0.005, refused: 0.005 })), alone), []);
  assert.deepEqual(violations(stepOf(figures(101, { errors: 0.01, refused: 0.005 })), alone), [
    '1.0 % errors and 0.5 % refusals',
    'p95 101.0 ms',
  ]);
  assert.deepEqual(violations(stepOf(figures(Number.NaN)), alone), ['p95 not known'], 'nothing served is nothing kept');
});

test('violations name the kinds of errors, as what to do about them differs', () => {
  const wrong = (outcomes: Readonly<Record<string, number>>) =>
    violations(stepOf({ ...figures(1, { errors: 0.5 }), outcomes }), { ...alone, p95Ms: Infinity });
  assert.deepEqual(wrong({ '2xx': 5, '4xx': 5 }), ['50.0 % errors (5 × 4xx) and 0.0 % refusals']);
  assert.deepEqual(wrong({ '2xx': 5, timeout: 1, 'wrong-reply': 3, '5xx': 1 }), [
    '50.0 % errors (1 × 5xx, 3 × wrong-reply, 1 × timeout) and 0.0 % refusals',
  ]);
  assert.deepEqual(wrong({ refused: 5, '3xx': 5 }), ['50.0 % errors and 0.0 % refusals']);
});

test('violations of a mix go by what the file says of each endpoint', () => {
  const endpoints = { read: figures(51, { timeouts: 1 }), createBarcode: figures(999, { p99Ms: 201, refused: 0.03 }) };
  assert.deepEqual(violations(stepOf(figures(1), endpoints), mixed), [
    'read: 1 timeouts',
    'read: p95 51.0 ms',
    'createBarcode: 0.0 % errors and 3.0 % refusals',
    'createBarcode: p99 201.0 ms',
  ]);
  const fine = { read: figures(50), createBarcode: figures(150, { refused: 0.02 }) };
  assert.deepEqual(violations(stepOf(figures(999), fine), mixed), []);
});

test('gatesAt gives one gate for each endpoint, and fails all where the load was never offered', () => {
  const step = stepOf(figures(1), { read: figures(51), createBarcode: figures(150) });
  assert.deepEqual(gatesAt('100/s', step, mixed), [
    { name: 'read at 100/s', expected: 'p95 at most 50 ms, no timeout', got: 'p95 51.0 ms', passed: false },
    {
      name: 'createBarcode at 100/s',
      expected: 'p99 at most 200 ms, errors and refusals at most 2 %',
      got: 'p95 150.0 ms',
      passed: true,
    },
  ]);
  assert.deepEqual(
    gatesAt('100/s', undefined, mixed).map(({ passed }) => passed),
    [false, false],
  );
  assert.deepEqual(gatesAt('100/s', stepOf(figures(100)), alone), [
    {
      name: '100/s',
      expected: 'p95 at most 100 ms, errors and refusals at most 1 %',
      got: 'p95 100.0 ms',
      passed: true,
    },
  ]);
});

test('sloMix sends what the file gives a weight, with the rows of its data, and what the lab knows by name', async () => {
  const system = { key: 'rk_a' } as System;
  const mix = await sloMix({ slo, rows: [{ code: 'a/b' }, { code: 'c' }] }, system, {} as LabContext);
  assert.deepEqual(
    mix.endpoints.map(({ endpoint, weight, method }) => [endpoint, weight, method]),
    [
      ['read', 3, 'GET'],
      ['createBarcode', 1, 'POST'],
    ],
  );
  assert.equal(describeMix(mix), 'read 75 %, createBarcode 25 %');
  const paths = [...Array(40).keys()].map((number) => requestOf(mix, number).path);
  assert.ok(paths.includes('/items/a%2Fb?n=2') || paths.includes('/items/a%2Fb?n=4'), paths.join(' '));
  assert.equal(requestOf(mix, 0).headers['authorization'], 'Bearer rk_a');
});

test('mixProblems names endpoints that nobody knows how to ask, and a mix of nothing', () => {
  assert.deepEqual(mixProblems(slo), []);
  const unknown = sloOf('service: x\nendpoints: [{ id: a, load: { weight: 1 } }, { id: b }]');
  assert.match(mixProblems(unknown).join(), /^a needs a request: the lab knows those of createBarcode, .* only$/);
  assert.match(mixProblems(sloOf('service: x\nendpoints: [{ id: health }]')).join(), /nothing to send$/);
});
