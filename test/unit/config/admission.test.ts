import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildConfig } from '../../../src/config/config.ts';
import { parseEnvironment } from '../../../src/config/environment.ts';
import type { ConfigFile } from '../../../src/config/file-schema.ts';
import { parseConfigFile } from '../../../src/config/file.ts';

type UpstreamFile = NonNullable<ConfigFile['upstreams']>[string];

/** The queue and the admission of an upstream of two backends. */
function settingsOf(more: Partial<UpstreamFile>, env: Record<string, string> = {}) {
  const { values, given, problems } = parseEnvironment(env);
  const upstreams = { app: { backends: ['http://127.0.0.1:3000', 'http://127.0.0.1:3001'], ...more } };
  const { file, problems: inFile } = parseConfigFile({ upstreams }, 'rampart.config.ts');
  assert.deepEqual([...problems, ...inFile], []);
  const { queueCapacity, queueTimeoutMs, admission } = buildConfig(values, file, '/', given).upstreams[1] ?? {};
  return { queueCapacity, queueTimeoutMs, ...admission };
}

test('admission by default: caps are the limit, waits follow the rate, ten places per permit and 256 at least', () => {
  const admission = { limit: 'fixed', minLimit: 1, maxWaitMs: 'auto', queueTimeoutMs: 1000 };
  assert.deepEqual(settingsOf({ cap: 8 }), { ...admission, queueCapacity: 256 });
  assert.deepEqual(settingsOf({ cap: 50 }), { ...admission, queueCapacity: 1000 });
});

test('a queue timeout that was set, in the file or in the environment, is a wait that is allowed', () => {
  assert.equal(settingsOf({ queueTimeoutMs: 30_000 }).maxWaitMs, 30_000);
  for (const text of ['1000', '5000']) {
    const { maxWaitMs, queueTimeoutMs } = settingsOf({}, { QUEUE_TIMEOUT_MS: text });
    assert.deepEqual([maxWaitMs, queueTimeoutMs], [Number(text), Number(text)]);
  }
  const automatic = settingsOf({ queueTimeoutMs: 30_000, admission: { maxWaitMs: 'auto' } });
  assert.deepEqual([automatic.maxWaitMs, automatic.queueTimeoutMs], ['auto', 30_000]);
  const patient = settingsOf({ admission: { maxWaitMs: 20_000, limit: 'adaptive', minLimit: 4 } });
  assert.deepEqual(patient, {
    queueCapacity: 320,
    queueTimeoutMs: 20_000,
    limit: 'adaptive',
    minLimit: 4,
    maxWaitMs: 20_000,
  });
});

test('a queue capacity that was set is kept, however many permits there are', () => {
  assert.equal(settingsOf({ cap: 50 }, { QUEUE_CAPACITY: '64' }).queueCapacity, 64);
  assert.equal(settingsOf({ cap: 50, queueCapacity: 10 }, { QUEUE_CAPACITY: '64' }).queueCapacity, 10);
});

test('an admission that does not exist is refused, with its path', () => {
  const app = { backends: ['http://127.0.0.1:3000'], admission: { limit: 'dynamic', most: 3 } };
  const { problems } = parseConfigFile({ upstreams: { app } }, 'f.ts');
  assert.equal(problems.length, 2);
  assert.ok(
    problems.every((problem) => problem.startsWith('f.ts: upstreams.app.admission')),
    problems.join('; '),
  );
});
