import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  readSegment,
  LogEntryEncoder,
  type LogEntry,
  SEGMENT_HEADER,
} from '../../../src/store/ledger/segment-format.ts';
import { record } from './ledger-fakes.ts';

const entries: fc.Arbitrary<LogEntry[]> = fc.array(
  fc.oneof(
    fc
      .record({
        number: fc.nat(1_000_000),
        text: fc.string({ unit: 'binary' }),
        bytes: fc.uint8Array({ maxLength: 300 }),
      })
      .map(({ number, text, bytes }): LogEntry => ({
        kind: 'record',
        record: { ...record(number, text), bytes: Buffer.from(bytes) },
      })),
    fc.nat(1_000_000).map((number): LogEntry => ({ kind: 'aborted', id: record(number).id })),
  ),
  { maxLength: 8 },
);

const encode = (all: readonly LogEntry[]): Buffer =>
  Buffer.concat([SEGMENT_HEADER, new LogEntryEncoder().encode(all).bytes]);
const decode = (content: Buffer, from?: number): LogEntry[] =>
  readSegment(content, from).entries.map(({ entry }) => entry);

test('what was written is read, whatever the text and the bytes', () => {
  fc.assert(
    fc.property(entries, (all) => {
      assert.deepEqual(readSegment(encode(all)).damaged, 0);
      assert.deepEqual(decode(encode(all)), all);
    }),
  );
});

test('from any position on, the rest is read', () => {
  fc.assert(
    fc.property(entries, (all) => {
      const content = encode(all);
      for (const [index, { end }] of readSegment(content).entries.entries())
        assert.deepEqual(decode(content, end), all.slice(index + 1));
    }),
  );
});

test('a torn tail costs the entry that it cuts, and is counted once', () => {
  fc.assert(
    fc.property(entries, fc.nat(10_000), (all, at) => {
      const content = encode(all);
      const length = SEGMENT_HEADER.length + (at % (content.length - SEGMENT_HEADER.length + 1));
      const { entries: read, damaged } = readSegment(content.subarray(0, length));
      const ends = readSegment(content).entries.map(({ end }) => end);
      const whole = ends.filter((end) => end <= length);
      assert.equal(read.length, whole.length);
      assert.equal(damaged, length === (whole.at(-1) ?? SEGMENT_HEADER.length) ? 0 : 1);
    }),
  );
});

test('a changed byte costs at most the entry that has it, and is counted', () => {
  fc.assert(
    fc.property(entries, fc.nat(10_000), fc.integer({ min: 1, max: 255 }), (all, at, change) => {
      const content = encode(all);
      const length = content.length - SEGMENT_HEADER.length;
      if (length === 0) return;
      const offset = SEGMENT_HEADER.length + (at % length);
      const hit = readSegment(content).entries.findIndex(({ end }) => end > offset);
      content[offset] = (content[offset] as number) ^ change;
      const { entries: read, damaged } = readSegment(content);
      assert.deepEqual(
        read.map(({ entry }) => entry),
        all.filter((_, index) => index !== hit),
      );
      assert.equal(damaged, 1);
    }),
    { numRuns: 500 },
  );
});

test('a record that itself looks like an entry is not taken for one', () => {
  const inner = Buffer.from(new LogEntryEncoder().encode([{ kind: 'aborted', id: 'inner' }]).bytes);
  const outer: LogEntry = { kind: 'record', record: { ...record(1), bytes: inner } };
  assert.deepEqual(decode(encode([outer, { kind: 'aborted', id: 'next' }])), [outer, { kind: 'aborted', id: 'next' }]);
});

test('any bytes at all are read without an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      readSegment(Buffer.concat([SEGMENT_HEADER, bytes]));
      readSegment(Buffer.from(bytes));
    }),
  );
});
