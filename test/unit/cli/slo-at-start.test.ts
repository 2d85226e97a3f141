import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkedSlo, sloOf } from '../../../src/cli/slo-at-start.ts';
import type { RouteConfig } from '../../../src/config/model.ts';
import { UsageError } from '../../../src/core/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-slo-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const config = { env: { RAMPART_SLO: undefined }, routes: [{ endpoint: 'listOrders' } as RouteConfig] };

function withFile(endpoint: string, objective: string): void {
  writeFileSync(
    join(folder, 'slo.yaml'),
    `service: shop\nendpoints: [{ id: ${endpoint}, objectives: [${objective}] }]\n`,
  );
}

test('rampart check refuses an SLO file that is broken or whose alerts could never fire, also one that nobody names', () => {
  writeFileSync(join(folder, 'slo.yaml'), ': : [');
  assert.throws(() => checkedSlo(config, { folder }), UsageError);
  withFile('listOrders', '{ sli: availability, target: 0.5 }');
  assert.throws(
    () => checkedSlo(config, { folder }),
    (error) => error instanceof UsageError && error.problems.some((text) => text.includes('can never fire')),
  );
  const remarks: string[] = [];
  assert.equal(sloOf(config, { folder }, (text) => void remarks.push(text))?.service, 'shop');
  assert.match(remarks[0] ?? '', /can never fire/);
});

test('an objective of an endpoint that no route has is named, with the one that is meant', () => {
  withFile('listOrder', '{ sli: availability, target: 0.99 }');
  assert.deepEqual(checkedSlo(config, { folder }), [
    'SLO: no route has the endpoint listOrder, so nothing counts for it; did you mean listOrders?',
  ]);
  withFile('createBarcode', '{ sli: availability, target: 0.99 }');
  assert.deepEqual(checkedSlo(config, { folder }), []);
});

/** So many endpoints with latencies of their own that the last ones find no room among the bounds. */
function withManyLatencies(last: string): void {
  const others = Array.from(
    { length: 14 },
    (_, index) => `  - { id: createBarcode${index}, gate: { p95: ${1013 + 7 * index}ms } }`,
  );
  const text = [...others, `  - { id: listOrders, objectives: [{ sli: latency, le: ${last}, target: 0.95 }] }`];
  writeFileSync(join(folder, 'slo.yaml'), `service: shop\nendpoints:\n${text.join('\n')}\n`);
}

test('a latency is a bound of the histogram, or it is named with the bounds beside it', () => {
  withFile('listOrders', '{ sli: latency, le: 77ms, target: 0.95 }');
  assert.deepEqual(checkedSlo(config, { folder }), []);
  withManyLatencies('77ms');
  assert.match(
    checkedSlo(config, { folder })[0] ?? '',
    /77ms is no bound .* over 75 ms count as bad; what would work: 75ms or 100ms/,
  );
  withManyLatencies('100ms');
  assert.deepEqual(checkedSlo(config, { folder }), []);
});

test('a folder without an SLO file has no remarks', () => {
  assert.deepEqual(checkedSlo(config, { folder: join(folder, 'none') }), []);
});

test('a hit rate of a route without a cache, and an alert above the last bound, are named with what would work', () => {
  withFile('listOrders', '{ sli: hit_rate, target: 0.7 }');
  assert.match(
    checkedSlo(config, { folder })[0] ?? '',
    /^SLO: listOrders: its route has no cache, .* what would work: /,
  );
  const cached = { ...config, routes: [{ endpoint: 'listOrders', cache: {} } as RouteConfig] };
  assert.deepEqual(checkedSlo(cached, { folder }), []);
  withFile('listOrders', '{ sli: latency, le: 30s, target: 0.95 }');
  assert.deepEqual(checkedSlo(config, { folder }), []);
  withManyLatencies('30s');
  assert.deepEqual(
    checkedSlo(config, { folder }).map((text) => text.slice(0, 58)),
    [
      'SLO: listOrders: the alert p95 > 45000 ms can never fire: ',
      'SLO: listOrders: the alert p99 > 60000 ms can never fire: ',
    ],
  );
  withManyLatencies('30000.1ms');
  assert.match(checkedSlo(config, { folder }).join('\n'), /the alert p95 > 45000\.15 ms can never fire/);
});
