import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BatchCall } from '../../fleet/batch-clients.ts';
import type { PageReply, PurgeCall } from '../../fleet/page-clients.ts';
import type { SharedHistory } from '../../fleet/shared-load.ts';
import { brokenShared, sharedCells, sharedLines, sharedRow } from '../../fleet/shared-report.ts';

const purge = (startMs: number, shop: number, status = 200): PurgeCall => ({
  host: 'host1',
  versions: { shop },
  startMs,
  endMs: startMs + 50,
  status,
});
const reply = (askedMs: number, generation: number): PageReply => ({
  group: 'shop',
  generation,
  askedMs,
  host: 'host2',
  source: 'l1',
});
const batch = (name: string, more: Partial<BatchCall> = {}): BatchCall => {
  const items = [`${name}.1`, `${name}.2`];
  const sound = { host: 'host1', items, requests: 1, startMs: 900, endMs: 1900, acceptedMs: 1000, completedMs: 1900 };
  return { name, ...sound, results: items, failed: [], unknown: 0, ...more };
};

const sound: SharedHistory = {
  purges: [purge(1000, 1), purge(2000, 2)],
  pageReplies: [reply(1049, 0), reply(1051, 1), reply(2049, 1), reply(2051, 2)],
  batches: [batch('a'), batch('b', { acceptedMs: 2500, completedMs: 3000, requests: 3 })],
  records: ['a.1', 'a.2', 'b.1', 'b.2'],
};

test('brokenShared says nothing of a sound history', () => {
  assert.deepEqual(brokenShared(sound), []);
});

test('brokenShared finds a reply that was asked for after a purge of all hosts and is older', () => {
  const history = { ...sound, pageReplies: [...sound.pageReplies, reply(2051, 1)] };
  assert.deepEqual(brokenShared(history), [
    '1 replies are older than a purge that all hosts had carried out, such as that of shop at host2',
  ]);
});

test('brokenShared allows older replies for six seconds after a purge that not all hosts have confirmed', () => {
  const after = (ms: number): string[] =>
    brokenShared({ ...sound, purges: [purge(1000, 1), purge(2000, 2, 202)], pageReplies: [reply(2050 + ms, 1)] });
  assert.deepEqual(after(6000), []);
  assert.deepEqual(after(6500), ['an older reply came 6.5 s after a purge']);
});

test('brokenShared knows nothing of a purge that was not answered', () => {
  const purges = [purge(1000, 1), purge(2000, 2, 0)];
  assert.deepEqual(brokenShared({ ...sound, purges, pageReplies: [reply(9000, 1)] }), []);
});

test('brokenShared finds an item of an accepted batch without a result', () => {
  const history = { ...sound, batches: [batch('a'), batch('b', { results: ['b.1'] })] };
  assert.deepEqual(brokenShared(history), ['1 items of batches have no result, such as b.2']);
});

test('brokenShared finds an item whose result was shown and has no barcode', () => {
  assert.deepEqual(brokenShared({ ...sound, records: ['a.1', 'a.2', 'b.1'] }), [
    '1 items of batches have no result, such as b.2',
    '1 items of batches have a result that nobody asked for, or no barcode, such as b.2',
  ]);
});

test('brokenShared finds a batch that one key has made twice', () => {
  assert.deepEqual(brokenShared({ ...sound, records: [...sound.records, 'b.1', 'b.2'] }), [
    '2 items of batches have two results, such as b.1',
  ]);
});

test('brokenShared finds failed items, and an accepted batch that a host did not know', () => {
  const failing = batch('b', { failed: ['b.2'], unknown: 2 });
  assert.deepEqual(brokenShared({ ...sound, batches: [batch('a'), failing], records: ['a.1', 'a.2', 'b.1'] }), [
    '1 items of batches failed, although they are sound, such as b.2',
    '2 times a host did not know a batch that was accepted',
  ]);
});

test('brokenShared lets a batch that was never accepted have results or none', () => {
  const { acceptedMs: _, ...rest } = batch('c', { results: [] });
  const batches = [...sound.batches, rest];
  assert.deepEqual(brokenShared({ ...sound, batches }), []);
  assert.deepEqual(brokenShared({ ...sound, batches, records: [...sound.records, 'c.1'] }), []);
});

test('brokenShared does not pass a run in which nothing was purged and nothing accepted', () => {
  const { acceptedMs: _, ...refused } = batch('a', { results: [], refusal: '503 store-unavailable' });
  const history = { ...sound, purges: [{ ...purge(1000, 1, 202), detail: 'host2 is silent' }], batches: [refused] };
  assert.deepEqual(brokenShared({ ...history, records: [] }), [
    'no batch was accepted; the last answer: 503 store-unavailable',
    'no purge was carried out by all hosts; the last answer: host2 is silent',
  ]);
});

test('sharedRow has the purges and batches that began in its windows', () => {
  const history = { ...sound, pageReplies: [reply(2051, 1)], records: ['a.1', 'a.2', 'a.2', 'b.1', 'b.2'] };
  const cells = (startMs: number, endMs: number): string[] => sharedCells(sharedRow(history, [{ startMs, endMs }]));
  assert.deepEqual(cells(0, 1001), ['1 of 1', '0', '1 of 1', '1']);
  assert.deepEqual(cells(1001, 3000), ['1 of 1', '1', '1 of 1', '0']);
  assert.deepEqual(cells(3000, 4000), ['0 of 0', '0', '0 of 0', '0']);
});

test('sharedLines has the figures of the whole run', () => {
  assert.equal(
    sharedLines(sound),
    'Purges: 2 of 2 were carried out by all hosts within 50 ms (p50), 50 ms (p99); 0 were answered before that. Of 4 replies, 4 came from memories ' +
      'of workers and 0 from the shared cache: 0 were older than a purge that all hosts had carried out. After other purges an older one came for 0.0 s at most.\n\n' +
      'Batches: 2 were accepted, by 4 requests, and 2 completed within 500 ms (p50), 900 ms (slowest). Of 4 items, 0 have no result, 0 have two, 0 failed.',
  );
});
