import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CacheClient, CacheSink } from '../../../../src/gateway/cache/cache-client.ts';
import { CoalescedFetch } from '../../../../src/gateway/cache/coalesced-fetch.ts';
import { CoalescedFetches } from '../../../../src/gateway/cache/coalesced-fetches.ts';
import { HeaderLines } from '../../../../src/gateway/cache/header-lines.ts';
import { BufferBudget } from '../../../../src/gateway/cache/reply-buffer.ts';
import type { Entry } from '../../../../src/gateway/cache/entry.ts';
import { ReplyStore } from '../../../../src/gateway/cache/reply-store.ts';
import { Subscriber } from '../../../../src/gateway/cache/subscriber.ts';
import type { Failure, Service } from '../../../../src/gateway/upstream/layer.ts';
import type { ReplySink } from '../../../../src/gateway/upstream/reply-sink.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';
import { ClientGone } from '../../../../src/gateway/upstream/cancellable.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const lifetime = { ageMs: 0, freshMs: 60_000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, mustRevalidate: false };
const key = { endpoint: 'app', host: 'a', target: '/', text: 'app\na\n/' };

/** A client that takes what it is told to, and remembers what it got. */
class Client {
  got = '';
  wasCut = false;
  takes = true;
  readonly subscriber: Subscriber;
  #resume: (() => void) | undefined;

  constructor(isStorable: boolean) {
    const sink: CacheSink = {
      isSatisfied: false,
      head: () => void (this.got += 'head,'),
      data: (chunk, resume) => {
        this.got += chunk.toString();
        this.#resume = resume;
        return this.takes;
      },
      end: () => void (this.got += ',end'),
    };
    const x = {
      startedAt: 0,
      coalescedMs: 0,
      head: { names: [] },
      underway: undefined,
      failure: undefined,
      countCache: () => {},
      replyBegun: true,
      cutReply: () => (this.wasCut = true),
    };
    const client = {
      x,
      key,
      maxEntryBytes: 8,
      request: () => ({ upstream: { name: 'app' } }),
      judge: () =>
        isStorable
          ? { store: true, share: true, lifetime, vary: [] }
          : { store: false, share: true, because: 'of the test' },
      openSink: () => sink,
      finish: () => undefined,
    };
    this.subscriber = new Subscriber(client as unknown as CacheClient, 'uri-miss', 0);
  }

  read(): void {
    this.takes = true;
    this.#resume?.();
  }
}

/** A fetch of two clients whose backend is this test. */
function setUp({ isStorable }: { isStorable: boolean }) {
  const clock = new ManualClock();
  const budget = new BufferBudget(100);
  const store = new ReplyStore(1_000_000);
  const fetches = new CoalescedFetches<CoalescedFetch>();
  let finish: (failure: Failure | undefined) => void = () => {};
  let sink: ReplySink | undefined;
  const stack: Service = async () => ({
    kind: 'replied',
    status: 200,
    isOverloaded: false,
    execMs: 0,
    discard: () => {},
    passTo: (given) => {
      sink = given;
      given.head(200, {});
      return new Promise((resolve) => (finish = resolve));
    },
  });
  const bugs: unknown[] = [];
  const onBug = (error: unknown): void => void bugs.push(error);
  const trusted = (entry: Entry): Entry => entry;
  const dependencies = { clock, budget, store, fetches, stack, onBug, lines: new HeaderLines(), trusted };
  const clients = [new Client(isStorable), new Client(isStorable)] as const;
  const fetch = new CoalescedFetch(dependencies, clients[0].subscriber.client, 'a', undefined);
  fetches.add(fetch);
  fetch.start(clients[0].subscriber);
  assert.equal(fetch.join(clients[1].subscriber), true);
  let resumed = 0;
  /** A chunk of the reply; whether the backend may go on. */
  const send = (text: string): boolean => (sink as ReplySink).data(Buffer.from(text), () => void resumed++);
  return {
    fetch,
    fetches,
    bugs,
    budget,
    store,
    clients,
    send,
    resumed: () => resumed,
    end: () => {
      sink?.end();
      finish(undefined);
    },
    break: () => {
      const refusal = new Refusal('upstream-failed', 'it broke');
      const at = { execMs: 0, beforeConnection: false, replyStarted: true, isFinal: true };
      finish({ kind: 'failed', refusal, ...at });
    },
  };
}

/** Lets the promises of the fetch settle. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('CoalescedFetch', () => {
  test('an exception behind the end of the request is reported, as nobody waits for it', async () => {
    const { fetches, bugs, clients, end } = setUp({ isStorable: true });
    fetches.remove = () => {
      throw new Error('planted');
    };
    await settled();
    end();
    await settled();
    assert.deepEqual(
      [bugs.map(String), clients.map(({ got }) => got)],
      [['Error: planted'], ['head,,end', 'head,,end']],
    );
  });

  test('a reply that is not stored waits for the client that holds its sink back', async () => {
    const { clients, send, resumed, end, budget, fetches } = setUp({ isStorable: false });
    const [, slow] = clients;
    await settled();
    assert.equal(send('a'), true);
    slow.takes = false;
    assert.deepEqual([send('b'), send('c'), resumed()], [false, false, 0]);
    slow.read();
    assert.deepEqual([resumed(), send('d'), budget.bytes], [1, true, 0]);
    end();
    await settled();
    assert.deepEqual([clients.map(({ got }) => got), [...fetches]], [['head,abcd,end', 'head,abcd,end'], []]);
  });

  test('a slow client that leaves no longer delays the others', async () => {
    const { clients, send, resumed } = setUp({ isStorable: false });
    const [fast, slow] = clients;
    await settled();
    slow.takes = false;
    assert.equal(send('a'), false);
    slow.subscriber.cancel(new ClientGone());
    assert.deepEqual([resumed(), send('b'), fast.got, slow.got], [1, true, 'head,ab', 'head,a']);
  });

  test('a reply that is being stored comes at the pace of the backend, and is stored', async () => {
    const { clients, send, resumed, end, store, budget } = setUp({ isStorable: true });
    clients[0].takes = false;
    await settled();
    assert.deepEqual([send('1234'), send('5678'), resumed(), budget.bytes], [true, true, 0, 8]);
    end();
    await settled();
    assert.deepEqual([store.entries, budget.bytes, clients[0].got], [1, 0, 'head,12345678,end']);
  });

  test('a client that joins late gets the bytes so far at once, and the rest as it arrives', async () => {
    const { fetch, send, end } = setUp({ isStorable: true });
    await settled();
    send('12');
    const late = new Client(true);
    assert.equal(fetch.join(late.subscriber), true);
    assert.equal(late.got, 'head,12');
    send('34');
    end();
    assert.equal(late.got, 'head,1234,end');
  });

  test('a reply that exceeds its bound continues for its clients, and no other request joins', async () => {
    const { fetch, clients, send, end, store, budget } = setUp({ isStorable: true });
    await settled();
    send('12345678');
    clients[1].takes = false;
    assert.deepEqual([send('9'), budget.bytes], [false, 0]);
    assert.equal(fetch.join(new Client(true).subscriber), false);
    clients[1].read();
    end();
    assert.deepEqual([clients.map(({ got }) => got), store.entries], [Array(2).fill('head,123456789,end'), 0]);
  });

  test('a reply that breaks is cut for all that have begun it, and is not stored', async () => {
    const { clients, send, store, fetches, break: breakOff } = setUp({ isStorable: true });
    await settled();
    send('half');
    breakOff();
    await settled();
    const results = await Promise.all(clients.map(({ subscriber }) => subscriber.result));
    assert.deepEqual(results, [
      { kind: 'ended', ending: undefined },
      { kind: 'ended', ending: undefined },
    ]);
    assert.deepEqual([clients.map(({ wasCut }) => wasCut), store.entries, [...fetches]], [[true, true], 0, []]);
  });
});
