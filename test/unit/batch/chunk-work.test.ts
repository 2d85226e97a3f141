import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChunkWork } from '../../../src/batch/chunk-work.ts';
import type { ItemAnswer } from '../../../src/batch/gateway-client.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { ItemReply } from '../../../src/policy/batch/item-reply.ts';
import type { ItemOutcome } from '../../../src/store/batches/chunk-store.ts';

const made = (): ItemAnswer => answer({ kind: 'reply', status: 200 });
const answer = (reply: ItemReply): ItemAnswer => ({ reply, bytes: new Uint8Array(10), reason: 'why', detail: 'so' });
const broken = (): ItemAnswer => answer({ kind: 'broken' });

interface Run {
  readonly items?: number;
  readonly concurrency?: number;
  render(item: number, asked: number): ItemAnswer | Promise<ItemAnswer>;
  store?(outcomes: readonly ItemOutcome[], end: string): Promise<boolean>;
  readonly signal?: AbortSignal;
}

/** Works on a chunk whose items ask by their number, and returns what was stored. */
async function run({ items = 5, concurrency = 2, render, store = async () => true, signal }: Run) {
  const stored: ItemOutcome[] = [];
  const ends: string[] = [];
  const asked = new Map<number, number>();
  let inFlight = 0;
  let most = 0;
  const pending = Array.from({ length: items }, (_, index) => ({
    item: index + 1,
    request: `{"symbology":"qrcode","text":"${index + 1}"}`,
  }));
  const how = await new ChunkWork(pending, {
    clock: systemClock,
    concurrency,
    signal: signal ?? new AbortController().signal,
    async render(request) {
      const item = Number((JSON.parse(request) as { text: string }).text);
      asked.set(item, (asked.get(item) ?? 0) + 1);
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => void setImmediate(resolve));
      const result = await render(item, asked.get(item) ?? 0);
      inFlight--;
      return result;
    },
    async store(outcomes, end) {
      const isOurs = await store(outcomes, end);
      if (isOurs) stored.push(...outcomes);
      ends.push(end);
      return isOurs;
    },
  }).run();
  const failed = stored.filter(({ kind }) => kind === 'failed').map(({ item }) => item);
  return { how, stored, failed, ends, most, asked };
}

describe('ChunkWork', () => {
  test('every item is asked for once, never more at a time than allowed, and the end is stored last', async () => {
    const { how, stored, most, ends } = await run({ items: 250, concurrency: 3, render: made });
    assert.equal(how, 'done');
    assert.equal(new Set(stored.map(({ item }) => item)).size, 250);
    assert.equal(most, 3);
    assert.equal(ends.at(-1), 'done');
    assert.equal(ends.filter((end) => end === 'done').length, 1);
    assert.ok(ends.length >= 3, 'in portions');
  });

  test('a refused item fails alone', async () => {
    const refused = answer({ kind: 'reply', status: 422 });
    const { how, failed } = await run({ render: (item) => (item === 3 ? refused : made()) });
    assert.deepEqual([how, failed], ['done', [3]]);
  });

  test('an item that breaks what it meets is tried three times, and those that broke with it are made', async () => {
    const render = (item: number, asked: number) => (item === 2 || (item === 1 && asked === 1) ? broken() : made());
    const { how, failed, asked } = await run({ render });
    assert.deepEqual([how, failed], ['done', [2]]);
    assert.deepEqual([asked.get(2), asked.get(1), asked.get(3)], [3, 2, 1]);
  });

  test('a gateway without room is asked again, as often as it takes', async () => {
    const later = answer({ kind: 'reply', status: 503, retryAfterSeconds: 0 });
    const { how, failed } = await run({ render: (_item, asked) => (asked < 20 ? later : made()) });
    assert.deepEqual([how, failed], ['done', []]);
  });

  test('a key that has used up its rate gives its chunk back, so that another key has its turn', async () => {
    const limited = answer({ kind: 'reply', status: 429, retryAfterSeconds: 1 });
    const { how, stored } = await run({ concurrency: 1, render: (item) => (item > 2 ? limited : made()) });
    assert.deepEqual([how, stored.length], ['put-back', 2]);
  });

  test('asked to stop: what is made is stored, and the rest goes back', async () => {
    const stop = new AbortController();
    const render = (item: number) => {
      if (item === 3) stop.abort();
      return made();
    };
    const { how, stored, ends } = await run({ items: 50, concurrency: 1, render, signal: stop.signal });
    assert.equal(how, 'put-back');
    assert.deepEqual(ends, ['put-back']);
    assert.deepEqual(
      stored.map(({ item }) => item),
      [1, 2],
    );
  });

  test('a chunk that another worker has got meanwhile is left to that one', async () => {
    const { how, stored } = await run({ items: 300, render: made, store: async () => false });
    assert.deepEqual([how, stored.length], ['lost', 0]);
  });

  test('a failure of the store ends the chunk, after all that was under way', async () => {
    const store = async (): Promise<boolean> => {
      throw new Error('disk full');
    };
    await assert.rejects(run({ items: 300, render: made, store }), /disk full/);
  });
});
