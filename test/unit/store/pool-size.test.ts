import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { UsageError } from '../../../src/core/errors.ts';
import { connectionUse, neededConnections, poolSizes } from '../../../src/store/pool-size.ts';

const usual = { maxConnections: 100, reserved: 3, gatewayWorkers: 2, batchWorkers: 1, override: undefined };

test('poolSizes gives each gateway worker its share, and not more than ten', () => {
  assert.deepEqual(poolSizes(usual), { gateway: 10, control: 3, batch: 5 });
  assert.deepEqual(poolSizes({ ...usual, gatewayWorkers: 8 }), { gateway: 5, control: 3, batch: 5 });
  assert.deepEqual(poolSizes({ ...usual, gatewayWorkers: 21 }), { gateway: 2, control: 3, batch: 5 });
  assert.deepEqual(poolSizes({ ...usual, gatewayWorkers: 8, batchWorkers: 8 }), { gateway: 3, control: 3, batch: 5 });
});

test('poolSizes takes DATABASE_POOL_MAX as it is', () => {
  assert.equal(poolSizes({ ...usual, override: 1 }).gateway, 1);
  assert.equal(poolSizes({ ...usual, override: 21 }).gateway, 21);
});

test('poolSizes refuses what does not fit, with the sum and what would work', () => {
  assert.throws(() => poolSizes({ ...usual, override: 22 }), {
    name: 'UsageError',
    message:
      "Cannot fit the database pools into PostgreSQL's max_connections = 100: 2 gateway workers x 2 (a reload runs old and new ones side by side) x DATABASE_POOL_MAX = 22 + 1 batch workers x 5 + control 3 + command line 3 + reserved for superusers 3 = 102. What would work: DATABASE_POOL_MAX of at most 21, or max_connections of at least 102, fewer GATEWAY_WORKERS, or a pooler such as PgBouncer in front (DATABASE_DIRECT_URL)",
  });
  assert.throws(
    () => poolSizes({ ...usual, gatewayWorkers: 64 }),
    /x at least 2 .* = 270\. What would work: max_connections of at least 270/,
  );
});

test('poolSizes never lets all processes together ask for more than there is', () => {
  const demand = fc.record({
    maxConnections: fc.integer({ min: 1, max: 2_000 }),
    reserved: fc.integer({ min: 0, max: 20 }),
    gatewayWorkers: fc.integer({ min: 1, max: 256 }),
    batchWorkers: fc.integer({ min: 0, max: 64 }),
    override: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
  });
  const property = fc.property(demand, (given) => {
    try {
      const { gateway, control, batch } = poolSizes(given);
      assert.ok(gateway >= 1 && batch >= 1);
      const all = gateway * given.gatewayWorkers * 2 + batch * given.batchWorkers + control + 3 + given.reserved;
      assert.ok(all <= given.maxConnections);
    } catch (error) {
      assert.ok(error instanceof UsageError, String(error));
    }
  });
  fc.assert(property, { numRuns: 2_000 });
});

test('neededConnections is what poolSizes is content with, and not one less', () => {
  for (const gatewayWorkers of [1, 22, 23, 64, 256])
    for (const override of [undefined, 1, 10]) {
      const demand = { ...usual, gatewayWorkers, override };
      const maxConnections = neededConnections(demand);
      assert.ok(poolSizes({ ...demand, maxConnections }).gateway >= (override ?? 2));
      assert.throws(() => poolSizes({ ...demand, maxConnections: maxConnections - 1 }), UsageError);
    }
});

test('connectionUse adds up all roles, and leaves the limit to a pooler where there is one', () => {
  const use = connectionUse(usual);
  assert.deepEqual(
    use.map(({ of, connections }) => `${of} ${connections}`),
    ['gateway workers 40', 'batch workers 5', 'control 3', 'command line 3', 'reserved for superusers 3'],
  );
  assert.throws(() => connectionUse({ ...usual, override: 22 }), UsageError);
  const pooled = connectionUse({ ...usual, maxConnections: 10, isPooled: true });
  assert.equal(
    pooled.reduce((sum, { connections }) => sum + connections, 0),
    51,
  );
});
