import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../src/core/random.ts';
import { arrivalTimes } from '../../../../src/lab/load/arrivals.ts';
import { type Mix, requestOf } from '../../../../src/lab/load/mix.ts';
import { parseServerTiming } from '../../../../src/lab/load/server-timing.ts';
import { machineCounts } from '../../../../src/core/machine-counts.ts';
import { processCounts } from '../../../../src/lab/system/proc.ts';

const mix: Mix = {
  endpoints: [
    { endpoint: 'get', weight: 3, method: 'GET', path: '/v1/{{name}}/{{n}}' },
    { endpoint: 'put', weight: 1, method: 'PUT', path: '/v1', headers: { b: '2' }, body: '{"t":"{{name}} {{n}}"}' },
  ],
  headers: { a: '1' },
  rows: [{ name: 'a/ä' }, { name: 'say "b"' }],
  seed: 7,
};

test('requestOf takes rows in turn and escapes them for where they stand', () => {
  const requests = Array.from({ length: 20 }, (_, number) => requestOf(mix, number));
  const get = requests.find(({ endpoint, path }) => endpoint === 0 && path.includes('%2F'));
  assert.match(get?.path ?? '', /^\/v1\/a%2F%C3%A4\/\d*[02468]$/);
  const put = requests.find(({ body }) => body?.includes('say') === true);
  assert.match((JSON.parse(put?.body ?? '{}') as { t: string }).t, /^say "b" \d*[13579]$/);
  assert.deepEqual(put?.headers, { a: '1', b: '2' });
});

test('requestOf gives the same request for a number, whoever asks, and endpoints by their weights', () => {
  const picks = Array.from({ length: 10_000 }, (_, number) => requestOf(mix, number).endpoint);
  assert.deepEqual(
    picks,
    Array.from({ length: 10_000 }, (_, number) => requestOf(mix, number).endpoint),
  );
  const share = picks.filter((endpoint) => endpoint === 1).length / picks.length;
  assert.ok(Math.abs(share - 0.25) < 0.02, `${share}`);
});

test('arrivalTimes: exactly so many, in order, within the time', () => {
  for (const law of ['poisson', 'constant'] as const) {
    const times = arrivalTimes(law, 60, 1000, seededRandom(1));
    assert.equal(times.length, 60);
    assert.deepEqual(
      [...times],
      [...times].sort((left, right) => left - right),
    );
    assert.ok((times[0] as number) >= 0 && (times[59] as number) < 1000);
  }
});

test('parseServerTiming reads the whole wait and exec, and not their phases', () => {
  const header = 'wait-queue;dur=9, wait;dur=1.5, exec;desc="x";dur=20, exec-upstream;dur=19';
  assert.deepEqual(parseServerTiming(header), { waitMs: 1.5, execMs: 20 });
  assert.equal(parseServerTiming('exec;dur=20'), undefined);
  assert.equal(parseServerTiming('wait, exec'), undefined);
});

test('processCounts reads what proc(5) describes, whatever the process is called', () => {
  const fields = Array.from({ length: 50 }, (_, index) => String(index + 3));
  const stat = `17 (a) b (c) ${['S', ...fields.slice(1)].join(' ')}`;
  const status = 'Name:\tx\nRssShmem:\t     8 kB\nvoluntary_ctxt_switches:\t30\nnonvoluntary_ctxt_switches:\t12\n';
  const counts = processCounts(stat, status, '5000000 7000000 3\n');
  // Fields 14 and 15 hold 14 and 15 ticks, field 24 as many pages.
  assert.deepEqual(counts, { cpuMs: 290, rssBytes: 24 * 4096, sharedBytes: 8192, contextSwitches: 42, runQueueMs: 7 });
});

test('machineCounts: idle and waiting for disks are not busy', () => {
  assert.deepEqual(machineCounts('cpu  10 1 5 80 4 0 0 2 0 0\ncpu0 1 1\n'), { busy: 18, total: 102 });
});
