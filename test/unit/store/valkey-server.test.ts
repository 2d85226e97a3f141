import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valkeyServer } from '../../../src/store/valkey/valkey-server.ts';

const info = (...lines: string[]): string =>
  ['# Server', 'run_id:abc', 'role:master', 'loading:0', ...lines].join('\r\n');

test('valkeyServer: what can be used', () => {
  assert.deepEqual(valkeyServer(info('redis_version:7.0.15', 'maxmemory_policy:noeviction')), {
    runId: 'abc',
    version: 'Redis 7.0.15',
    maxMemoryPolicy: 'noeviction',
    maxMemoryBytes: undefined,
    problem: undefined,
  });
  const memory = (value: string): number | undefined =>
    valkeyServer(info('redis_version:7.0.15', `maxmemory:${value}`)).maxMemoryBytes;
  assert.deepEqual(['0', '1073741824', '', '1gb'].map(memory), [0, 1_073_741_824, undefined, undefined]);
  // Valkey says of itself that it is a Redis, too.
  const valkey = valkeyServer(info('redis_version:6.2.0', 'server_name:valkey', 'valkey_version:8.1.1'));
  assert.deepEqual([valkey.version, valkey.problem], ['Valkey 8.1.1', undefined]);
});

test('valkeyServer: what cannot', () => {
  const problem = (text: string): string => valkeyServer(text).problem ?? '';
  assert.match(problem(info('redis_version:6.2.14')), /^it is Redis 6\.2\.14, which has no functions/);
  assert.match(problem(info('redis_version:7.0.0').replace('master', 'slave')), /^it is a replica/);
  assert.match(problem(info('redis_version:7.0.0').replace('loading:0', 'loading:1')), /still loading/);
  assert.match(problem('-garbage'), /does not answer as Valkey or Redis does/);
});
