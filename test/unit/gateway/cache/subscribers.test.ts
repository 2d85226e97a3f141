import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CacheClient, CacheSink } from '../../../../src/gateway/cache/cache-client.ts';
import { BufferBudget } from '../../../../src/gateway/cache/fetch-buffer.ts';
import { Subscribers } from '../../../../src/gateway/cache/subscribers.ts';
import { type ChunkSource, Subscriber } from '../../../../src/gateway/cache/subscriber.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** A client that takes what it is told to, and remembers what it got. */
class Reader {
  got = '';
  cut = false;
  takes = true;
  subscriber: Subscriber;
  #resume: (() => void) | undefined;

  constructor(subscribers: Subscribers) {
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
      chunkAt: (index) => subscribers.chunkAt(index),
      progressed: () => subscribers.progressed(),
      leave: (subscriber) => void subscribers.all.delete(subscriber),
    };
    this.subscriber = new Subscriber({ x, openSink: () => sink } as unknown as CacheClient, 'uri-miss', 0);
    this.subscriber.moveTo(source);
    subscribers.all.add(this.subscriber);
  }

  goOn(): void {
    this.takes = true;
    this.#resume?.();
  }
}

function setUp(windowBytes = 4) {
  const clock = new ManualClock();
  const budget = new BufferBudget(100);
  const subscribers = new Subscribers(clock, budget, windowBytes);
  let resumed = 0;
  /** A chunk of a reply that is not kept; whether the backend may go on. */
  const send = (text: string): boolean => {
    subscribers.add(Buffer.from(text));
    return subscribers.takeMore(() => void resumed++);
  };
  return { clock, budget, subscribers, send, resumed: () => resumed };
}

describe('Subscribers', () => {
  test('a single reader holds the backend back as soon as it is full', () => {
    const { subscribers, send, resumed, budget } = setUp();
    const reader = new Reader(subscribers);
    assert.equal(send('a'), true);
    reader.takes = false;
    assert.equal(send('b'), false);
    reader.goOn();
    assert.deepEqual([resumed(), reader.got, budget.bytes], [1, 'ab', 0]);
  });

  test('one of two may fall a window behind, and is cut after a second beyond it', () => {
    const { clock, subscribers, send, resumed } = setUp();
    const [fast, slow] = [new Reader(subscribers), new Reader(subscribers)];
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
    const { clock, subscribers, send, resumed, budget } = setUp();
    const [fast, slow] = [new Reader(subscribers), new Reader(subscribers)];
    slow.takes = false;
    send('1');
    assert.equal(send('23456'), false);
    clock.advance(500);
    slow.goOn();
    clock.advance(5000);
    assert.deepEqual([slow.cut, resumed(), slow.got, fast.got, budget.bytes], [false, 1, '123456', '123456', 0]);
  });

  test('all fetches together are bounded', () => {
    const { subscribers } = setUp();
    new Reader(subscribers).takes = false;
    assert.equal(subscribers.add(Buffer.alloc(100)), true);
    assert.equal(subscribers.add(Buffer.alloc(1)), false);
    subscribers.clear();
    assert.equal(subscribers.add(Buffer.alloc(100)), true);
  });
});
