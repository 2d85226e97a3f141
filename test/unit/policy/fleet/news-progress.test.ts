import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NewsProgress } from '../../../../src/policy/fleet/news-progress.ts';

const news = (...numbers: number[]) =>
  numbers.map((number) => ({ number, id: `id-${number}`, kind: 'purge', host: 'a', body: {} }));
const page = (last: number, ...numbers: number[]) => ({ stream: 's', last, news: news(...numbers) });

for (const [name, taken, expected] of [
  ['the next ones', page(7, 6, 7), 'news'],
  ['none, as there are none', page(5), 'news'],
  ['one missing at the begin, because the stream has dropped it', page(7, 7), 'lost'],
  ['one missing in the midst', page(8, 6, 8), 'lost'],
  ['none, although there are some', page(7), 'lost'],
  ['fewer than before, as of a server that has lost them', page(3), 'lost'],
  ['those of another stream', { ...page(6, 6), stream: 't' }, 'lost'],
] as const) {
  test(`NewsProgress after number 5: ${name}: ${expected}`, () => {
    const progress = new NewsProgress({ stream: 's', number: 5 });
    assert.equal(progress.take(taken).kind, expected);
    assert.equal(progress.position?.number, taken.last);
  });
}
