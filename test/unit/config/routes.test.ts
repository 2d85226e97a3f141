import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnvironment } from '../../../src/config/environment.ts';
import { fileSchema } from '../../../src/config/file-schema.ts';
import { routeOf } from '../../../src/config/routes.ts';
import { routeSchema } from '../../../src/config/route-schema.ts';

const { values: env } = parseEnvironment({});
const least = { endpoint: 'app', path: '/*', upstream: 'app' };

const routeFrom = (more: object) => {
  const [route] = fileSchema.parse({ routes: [{ ...least, ...more }] }).routes ?? [];
  assert.ok(route !== undefined);
  return routeOf(route, env);
};

test('routeOf passes on settings without a default as the file has them', () => {
  const settings = { methods: ['GET'], priority: 'bulk', idleTimeoutMs: 7 } as const;
  const { methods, priority, idleTimeoutMs } = routeFrom(settings);
  assert.deepEqual({ methods, priority, idleTimeoutMs }, settings);
});

test('routeOf gives every setting of the schema to every route, so that all routes have one shape', () => {
  const names = Object.keys(routeFrom({}));
  assert.deepEqual(Object.keys(routeFrom({ priority: 'bulk', retry: false })), names);
  assert.deepEqual(
    Object.keys(routeSchema.shape).filter((name) => !names.includes(name)),
    [],
  );
});

test('a limit has a rate with a burst, a number of requests in flight, or both', () => {
  assert.deepEqual(routeFrom({ limit: { maxConcurrent: 3 } }).limit, {
    rate: undefined,
    inFlight: 3,
    by: 'key',
    cost: undefined,
  });
  assert.deepEqual(routeFrom({ limit: { requestsPerSecond: 1, burst: 2, maxConcurrent: 3 } }).limit?.rate, {
    requestsPerSecond: 1,
    burst: 2,
  });
  const problemsOf = (limit: object): string[] =>
    (fileSchema.safeParse({ routes: [{ ...least, limit }], keyLimit: { maxConcurrent: 1 } }).error?.issues ?? []).map(
      ({ message }) => message,
    );
  assert.deepEqual(problemsOf({}), ['must have requestsPerSecond with burst, or maxConcurrent']);
  assert.deepEqual(problemsOf({ requestsPerSecond: 1, maxConcurrent: 1 }), [
    'must have requestsPerSecond and burst together',
  ]);
  assert.deepEqual(problemsOf({ maxConcurrent: 1, cost: { header: 'x-cost' } }), [
    'must have requestsPerSecond, because the cost is counted within the rate',
  ]);
});
