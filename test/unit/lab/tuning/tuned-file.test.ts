import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnv } from 'node:util';
import { tuningFindings } from '../../../../src/lab/tuning/findings.ts';
import { HEADER, tunedFile } from '../../../../src/lab/tuning/tuned-file.ts';
import { tuned, untuned } from './tunings.ts';
import { targets } from './configurations.ts';

const origin = ['2026-01-01T00:00:00.000Z, version 1.0.0, commit abc', '2 × A, 8.0 GiB, linux, Node v26'];

test('tunedFile: the variables that changed and what each bought; the others as comments, unless they were set', () => {
  const text = tunedFile({ tuning: tuned, origin, alreadySet: new Set(['GATEWAY_WORKERS']), path: './.env.tuned' });
  assert.equal(
    text,
    `# Written by rampart lab tune.
# 2026-01-01T00:00:00.000Z, version 1.0.0, commit abc
# 2 × A, 8.0 GiB, linux, Node v26
# Load: createBarcode by 24 users; targets: p99 at most 300 ms, errors and refusals at most 1 %.
# As it was:  1000.0 requests/s, p99 40.0 ms, RSS 1000 MiB
# With these: 1200.0 requests/s, p99 30.0 ms, RSS 1250 MiB
# To use them: set -a; . ./.env.tuned; set +a; npm start

# was 2; bought throughput +20.0 %, p99 -25.0 %, RSS +25.0 %
GENERATOR_INSTANCES=4

# kept as it is: the change made RSS worse (throughput 0.0 %, p99 -0.2 %, RSS +6.0 %)
# GENERATOR_CONCURRENCY=4

# kept as it is: no other value was tried
GATEWAY_WORKERS=2

# kept as it is: the change bought nothing that lasted (throughput +0.1 %, p99 +0.2 %, RSS 0.0 %)
# QUEUE_CAPACITY=256

# kept as it is: no other value was better
# LEDGER_BATCH_SIZE=200
`,
  );
  assert.deepEqual({ ...parseEnv(text) }, { GENERATOR_INSTANCES: '4', GATEWAY_WORKERS: '2' });
  assert.equal(text.split('\n', 1)[0], HEADER);
});

test('tunedFile: where nothing was better it sets nothing, and says so', () => {
  const text = tunedFile({ tuning: untuned, origin, alreadySet: new Set(), path: './.env.tuned' });
  assert.match(text, /^# Nothing was better than the settings as they were\.$/m);
  assert.deepEqual({ ...parseEnv(text) }, {});
});

test('tunedFile: a path that the shell would take apart is quoted', () => {
  const text = tunedFile({ tuning: untuned, origin, alreadySet: new Set(), path: "/a b/it's" });
  assert.match(text, /set -a; \. '\/a b\/it'\\''s'; set \+a/);
});

test('tuningFindings: the choice, every change, and the result against the settings as they were', () => {
  assert.deepEqual(tuningFindings(tuned), [
    'Chosen from the frontier: generators 4 × 8, workers 2, queue 64, batch 200. As it was: generators 2 × 4, workers 2, queue 256, batch 200.',
    'GENERATOR_INSTANCES 2 → 4 bought throughput +20.0 %, p99 -25.0 %, RSS +25.0 %.',
    'GENERATOR_CONCURRENCY 4 → 8 made RSS worse (throughput 0.0 %, p99 -0.2 %, RSS +6.0 %): taken back.',
    'QUEUE_CAPACITY 256 → 64 bought nothing beyond the noise (throughput +0.1 %, p99 +0.2 %, RSS 0.0 %): taken back.',
    'Result: generators 4 × 4, workers 2, queue 256, batch 200: 1200.0 requests/s, p99 30.0 ms, RSS 1250 MiB, where it was 1000.0 requests/s, p99 40.0 ms, RSS 1000 MiB; throughput +20.0 %, p99 -25.0 %, RSS +25.0 %.',
  ]);
  assert.deepEqual(tuningFindings(untuned), [
    'Nothing was better than the settings as they are: generators 2 × 4, workers 2, queue 256, batch 200.',
  ]);
  const strict = { ...untuned, targets: { ...targets, p99Ms: 39 } };
  assert.match(tuningFindings(strict)[0] ?? '', /^No configuration meets the targets .*p99 at most 39 ms/);
  assert.match(
    tuningFindings({ ...tuned, bought: undefined }).at(-1) ?? '',
    /^What remains bought nothing: .* best left/,
  );
  const ladder = tuned.ladder.filter(({ gain }) => gain?.verdict !== 'better');
  assert.match(tuningFindings({ ...tuned, ladder, bought: undefined }).at(-1) ?? '', /^No change bought anything: /);
});
