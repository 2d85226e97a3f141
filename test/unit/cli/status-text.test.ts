import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostVerdict, type ShownStatus } from '../../../src/cli/status-text.ts';

const member = { role: 'gateway', instance: 0, pid: 1, uptime_seconds: 1 };
const well: ShownStatus = {
  version: '1',
  control: { pid: 2, uptime_seconds: 1 },
  config: { version: 1, version_hash: 'a', agreed: true, since: '', last_reload: null },
  workers: [member],
  processes: [],
  backends: [{ upstream: 'app', backend: 'a', origin: 'http://a', up: true }],
};
const verdictOf = (discovery: ShownStatus['discovery']): string => {
  const { state, why } = hostVerdict({ ...well, discovery });
  return why === '' ? state : `${state}: ${why}`;
};

test('a host is down while an upstream has no backend out of DNS, and degraded while DNS does not answer', () => {
  assert.equal(verdictOf(undefined), 'well');
  const answered = { upstream: 'app', name: 'app.internal', backends: 2, problem: null };
  assert.equal(verdictOf([answered]), 'well');
  assert.equal(
    verdictOf([{ ...answered, problem: 'queryA ETIMEOUT' }]),
    'degraded: the name app.internal of upstream app cannot be looked up: queryA ETIMEOUT',
  );
  assert.equal(
    verdictOf([{ ...answered, backends: 0, problem: 'the answer has no backend' }]),
    'down: upstream app has no backend: the answer has no backend',
  );
  assert.equal(
    verdictOf([{ ...answered, backends: 0 }]),
    'down: upstream app has no backend: DNS has not answered yet',
  );
});

test('a host is down while all backends of an upstream are drained, also where others are up', () => {
  const { state, why } = hostVerdict({ ...well, drained_upstreams: ['shop'] });
  assert.deepEqual([state, why], ['down', 'upstream shop takes no requests: its backends are all drained']);
  assert.equal(hostVerdict({ ...well, drained_upstreams: [] }).state, 'well');
});
