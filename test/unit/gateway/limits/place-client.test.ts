import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type ClientPlace, PlaceClient } from '../../../../src/gateway/limits/place-client.ts';
import { type AddressedNews, PlaceAuthority } from '../../../../src/policy/rate/place-authority.ts';
import type { PlaceAsk, PlaceNews } from '../../../../src/protocol/places.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
type Taken = ClientPlace | undefined | Promise<ClientPlace | undefined>;

/** Workers and a control whose messages are delivered by hand. */
class Host {
  readonly clock = new ManualClock();
  authority = new PlaceAuthority<number>();
  readonly workers: { client: PlaceClient; up: PlaceAsk[][]; down: PlaceNews[][] }[];
  readonly held: ClientPlace[] = [];
  refused = 0;
  waiting = 0;

  constructor(workers: number) {
    this.workers = Array.from({ length: workers }, (_, index) => this.#worker(index, workers));
  }

  #worker(index: number, workers: number) {
    const up: PlaceAsk[][] = [];
    const send = (asks: readonly PlaceAsk[]): boolean => {
      this.workers[index]?.up.push([...asks]);
      return true;
    };
    const client = new PlaceClient({ clock: this.clock, bugs: quietInstruments().bugs, workers, send });
    client.connected();
    return { client, up, down: [] as PlaceNews[][] };
  }

  take(index: number, max: number): void {
    const taken: Taken = this.workers[index]?.client.take('route:a', max);
    const settle = (place: ClientPlace | undefined): void => void (place ? this.held.push(place) : this.refused++);
    if (!(taken instanceof Promise)) return settle(taken);
    this.waiting++;
    void taken.then(settle).finally(() => this.waiting--);
  }

  release(which: number): void {
    this.held.splice(which % Math.max(1, this.held.length), 1)[0]?.release();
  }

  toControl(index: number): boolean {
    const asks = this.workers[index]?.up.shift();
    for (const ask of asks ?? []) this.#send(this.authority.said(index, ask, this.clock.now()));
    return asks !== undefined;
  }

  toWorker(index: number): boolean {
    const news = this.workers[index]?.down.shift();
    if (news !== undefined) this.workers[index]?.client.heard(news);
    return news !== undefined;
  }

  #send(news: readonly AddressedNews<number>[]): void {
    for (const { member, news: one } of news) this.workers[member]?.down.push([one]);
  }

  /** A worker is killed: its requests have ended with it. */
  kill(index: number): void {
    const fresh = this.#worker(index, this.workers.length);
    this.workers[index] = fresh;
    this.#send(this.authority.left(index, this.clock.now()));
    fresh.down.length = 0;
  }

  /** Delivers until nothing is under way. */
  async settle(): Promise<void> {
    for (let round = 0; round < 100; round++) {
      await turn();
      const moved = this.workers.flatMap((_, index) => [this.toControl(index), this.toWorker(index)]);
      if (!moved.includes(true)) return;
    }
    assert.fail('messages without end');
  }
}

describe('PlaceClient', () => {
  test('one request after the other at changing workers is never refused', async () => {
    const host = new Host(3);
    for (let request = 0; request < 30; request++) {
      host.take(request % 3, 1);
      await host.settle();
      assert.equal(host.held.length, 1, `request ${request}`);
      host.release(0);
      host.clock.advance(request % 5);
    }
    assert.equal(host.refused, 0);
  });

  test('a worker that keeps a place asks once', async () => {
    const host = new Host(2);
    for (let request = 0; request < 10; request++) {
      host.take(0, 1);
      await host.settle();
      host.release(0);
    }
    assert.equal(host.workers[0]?.client.size, 1);
    host.clock.advance(700);
    await host.settle();
    assert.equal(host.workers[0]?.client.size, 0);
    assert.equal(host.authority.size, 0);
  });

  test('refuses after a moment, at once where as many wait as may be in flight, and by its share without control', async () => {
    const host = new Host(2);
    host.take(0, 2);
    host.take(0, 2);
    await host.settle();
    for (let request = 0; request < 5; request++) host.take(1, 2);
    await turn();
    assert.equal(host.refused, 3);
    await host.settle();
    host.clock.advance(25);
    await turn();
    assert.equal(host.refused, 5);
    assert.equal(host.held.length, 2);
    host.workers[1]?.client.lost();
    host.take(1, 2);
    host.take(1, 2);
    assert.deepEqual([host.held.length, host.refused, host.workers[1]?.client.byShare], [3, 6, 2]);
  });

  test('a control that hangs costs one wait, and is asked again', async () => {
    const host = new Host(2);
    host.take(0, 2);
    await turn();
    host.clock.advance(25);
    await turn();
    assert.equal(host.held.length, 1);
    host.take(0, 2);
    assert.equal(host.refused, 1);
    await host.settle();
    // What it holds now, and the answer to its question.
    host.take(0, 2);
    await host.settle();
    assert.equal(host.held.length, 2);
  });

  test('a new control hears of the places in use', async () => {
    const host = new Host(2);
    host.take(0, 2);
    host.take(1, 2);
    await host.settle();
    host.authority = new PlaceAuthority();
    for (const { client } of host.workers) {
      client.lost();
      client.connected();
    }
    await host.settle();
    host.take(0, 2);
    await host.settle();
    host.clock.advance(25);
    await turn();
    assert.deepEqual([host.held.length, host.refused], [2, 1]);
  });

  test('property: never more than the limit in flight, no place is lost, and none stays free while a request waits', async () => {
    const worker = fc.nat(2);
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const), index: worker }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), index: fc.nat(20) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('toControl' as const), index: worker }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('toWorker' as const), index: worker }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), index: fc.nat(15) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), async (max, steps) => {
        const host = new Host(3);
        for (const { do: what, index } of steps) {
          if (what === 'take') host.take(index, max);
          else if (what === 'advance') host.clock.advance(index);
          else host[what](index);
          await turn();
          const byShare = host.workers.reduce((sum, { client }) => sum + client.byShare, 0);
          assert.ok(host.held.length <= max + byShare, `${host.held.length} in flight`);
        }
        await host.settle();
        if (host.waiting > 0) assert.ok(host.held.length >= max, `${host.held.length} of ${max} in flight`);
        host.clock.advance(40);
        await host.settle();
        while (host.held.length > 0) host.release(0);
        await host.settle();
        // All are free again: as many as the limit fit in, at whichever worker.
        for (let index = 0; index < max; index++) host.take(index % 3, max);
        await host.settle();
        assert.equal(host.held.length, max);
        while (host.held.length > 0) host.release(0);
        for (let sweep = 0; sweep < 8; sweep++) {
          host.clock.advance(100);
          await host.settle();
        }
        assert.deepEqual([host.authority.size, ...host.workers.map(({ client }) => client.size)], [0, 0, 0, 0]);
      }),
      { numRuns: 150 },
    );
  });

  test('a place that comes to a worker which has refused already goes to the next, and the limit stays', async () => {
    const host = new Host(3);
    for (let request = 0; request < 4; request++) host.take(0, 4);
    await host.settle();
    host.take(1, 4);
    await host.settle();
    host.clock.advance(19);
    host.release(0);
    await turn();
    host.toControl(0);
    host.clock.advance(2);
    await turn();
    assert.deepEqual([host.refused, host.workers[1]?.client.size], [1, 0]);
    host.take(2, 4);
    await turn();
    host.toControl(2);
    await host.settle();
    assert.deepEqual([host.held.length, host.waiting], [4, 0]);
  });

  test('a killed worker leaves no place taken', async () => {
    const host = new Host(3);
    host.take(0, 2);
    host.take(0, 2);
    await host.settle();
    host.kill(0);
    host.held.length = 0;
    host.take(1, 2);
    host.take(2, 2);
    await host.settle();
    assert.equal(host.held.length, 2);
  });

  test('holds nothing of ten thousand clients that have gone', async () => {
    const { clock, workers, authority } = new Host(1);
    const [{ client, up } = assert.fail()] = workers;
    for (let index = 0; index < 10_000; index++) {
      const taken: Taken = client.take(`route:${index}`, 1);
      void Promise.resolve(taken).then((place) => place?.release());
    }
    await turn();
    assert.equal(up.length, 10);
    const exchange = async (): Promise<void> => {
      for (const asks of up.splice(0))
        client.heard(asks.flatMap((one) => authority.said(0, one, clock.now())).map(({ news }) => news));
      await turn();
      await turn();
    };
    await exchange();
    assert.equal(authority.size, 10_000);
    for (let sweep = 0; sweep < 8; sweep++) {
      clock.advance(100);
      await turn();
      await exchange();
    }
    assert.deepEqual([authority.size, client.size], [0, 0]);
  });
});
