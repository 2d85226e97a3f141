import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NameWatch } from '../../../../src/gateway/upstream/name-watch.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** Follows a name through these answers, five seconds apart; how often it has moved by each of them. */
async function movesAfter(answers: readonly (readonly string[] | Error)[], origin: string): Promise<number[]> {
  const clock = new ManualClock();
  const moves: number[] = [];
  let asked = 0;
  let moved = 0;
  const watch = new NameWatch({
    origin,
    clock,
    lookUp: async () => {
      const answer = answers[asked++] ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onMoved: () => void moved++,
  });
  for (let round = 0; round < answers.length; round++) {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    moves.push(moved);
    clock.advance(5_000);
  }
  watch.close();
  return moves;
}

test('a name that moves is noticed at the next look, one that stays or gains an address has not moved', async () => {
  const [a, b] = ['127.0.0.2', '127.0.0.3'];
  assert.deepEqual(await movesAfter([[a], [a], [b], [b], [b, a], [a]], 'http://up.test:80'), [0, 0, 1, 1, 1, 2]);
});

test('a failure of the resolver changes nothing', async () => {
  const [a, b] = ['127.0.0.2', '127.0.0.3'];
  assert.deepEqual(await movesAfter([[a], new Error('SERVFAIL'), [a], [b]], 'http://up.test'), [0, 0, 0, 1]);
});

for (const origin of ['http://127.0.0.1:80', 'http://[::1]:80']) {
  test(`an address is not looked up: ${origin}`, async () => {
    assert.deepEqual(await movesAfter([['127.0.0.2'], ['127.0.0.3']], origin), [0, 0]);
  });
}
