import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CacheClient, CacheSink } from '../../../../src/gateway/cache/cache-client.ts';
import { BufferBudget } from '../../../../src/gateway/cache/flight-buffer.ts';
import { Readers } from '../../../../src/gateway/cache/readers.ts';
import { type ChunkSource, Seat } from '../../../../src/gateway/cache/seat.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** A client that takes what it is told to, and remembers what it got. */
class Reader {
  got = '';
  cut = false;
  takes = true;
  seat: Seat;
  #resume: (() => void) | undefined;

  constructor(readers: Readers) {
    const sink: CacheSink = {
      isSatisfied: false,
      head: () => {},
      data: (chunk, resume) => {
        this.got += chunk.toString();
        this.#resume = resume;
        return this.takes;
      },
      end: () => {},
    };
    const x = { underway: undefined, failure: undefined, cutReply: () => (this.cut = true) };
    const source: ChunkSource = {
      ended: false,
      chunkAt: (index) => readers.chunkAt(index),
      progressed: () => readers.progressed(),
      leave: (seat) => void readers.seats.delete(seat),
    };
    this.seat = new Seat({ x, openSink: () => sink } as unknown as CacheClient, 'uri-miss', 0);
    this.seat.moveTo(source);
    readers.seats.add(this.seat);
  }

  goOn(): void {
    this.takes = true;
    this.#resume?.();
  }
}

function setUp(windowBytes = 4) {
  const clock = new ManualClock();
  const budget = new BufferBudget(100);
  const readers = new Readers(clock, budget, windowBytes);
  let resumed = 0;
  /** A chunk of a reply that is not kept; whether the backend may go on. */
  const send = (text: string): boolean => {
    readers.add(Buffer.from(text));
    return readers.takeMore(() => void resumed++);
  };
  return { clock, budget, readers, send, resumed: () => resumed };
}

describe('Readers', () => {
  test('a single reader holds the backend back as soon as it is full', () => {
    const { readers, send, resumed, budget } = setUp();
    const reader = new Reader(readers);
    assert.equal(send('a'), true);
    reader.takes = false;
    assert.equal(send('b'), false);
    reader.goOn();
    assert.deepEqual([resumed(), reader.got, budget.bytes], [1, 'ab', 0]);
  });

  test('one of two may fall a window behind, and is cut after a second beyond it', () => {
    const { clock, readers, send, resumed } = setUp();
    const [fast, slow] = [new Reader(readers), new Reader(readers)];
    slow.takes = false;
    assert.deepEqual([send('1'), send('2345')], [true, true]);
    assert.equal(send('6'), false);
    clock.advance(999);
    assert.deepEqual([slow.cut, resumed()], [false, 0]);
    clock.advance(1);
    assert.deepEqual([slow.cut, fast.cut, resumed(), fast.got, slow.got], [true, false, 1, '123456', '1']);
    assert.equal(send('7'), true);
  });

  test('one that catches up in time is not cut, and has missed nothing', () => {
    const { clock, readers, send, resumed, budget } = setUp();
    const [fast, slow] = [new Reader(readers), new Reader(readers)];
    slow.takes = false;
    send('1');
    assert.equal(send('23456'), false);
    clock.advance(500);
    slow.goOn();
    clock.advance(5000);
    assert.deepEqual([slow.cut, resumed(), slow.got, fast.got, budget.bytes], [false, 1, '123456', '123456', 0]);
  });

  test('all flights together are bounded', () => {
    const { readers } = setUp();
    new Reader(readers).takes = false;
    assert.equal(readers.add(Buffer.alloc(100)), true);
    assert.equal(readers.add(Buffer.alloc(1)), false);
    readers.clear();
    assert.equal(readers.add(Buffer.alloc(100)), true);
  });
});
