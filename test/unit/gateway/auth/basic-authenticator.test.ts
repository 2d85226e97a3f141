import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openClock } from '../../../../src/core/clock.ts';
import { BasicAuthenticator } from '../../../../src/gateway/auth/basic-authenticator.ts';
import type { Exchange } from '../../../../src/gateway/exchange.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';

const HASH = 'the hash of right';
/** Ends checks in the order in which they begin. Real ones run on threads, which a busy machine may let overtake each other. */
const verify = async (hash: string, password: string): Promise<boolean> => {
  await new Promise((resolve) => setImmediate(resolve));
  return hash === HASH && password === 'right';
};

/** An authenticator, and the ends of its checks in their order. */
function open() {
  const clientOf = (x: Exchange): string => x.request.peerAddress ?? '';
  const authenticator = new BasicAuthenticator(
    { realm: 'test', users: { ann: HASH, bob: HASH } },
    { mayCheck: () => undefined, clientOf, clock: openClock(), verify },
  );
  const ends: string[] = [];
  const ask = async (peerAddress: string, user: string, password: string): Promise<void> => {
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const answer = await authenticator.identify({ request: { peerAddress }, head: { authorization } } as Exchange);
    ends.push(`${peerAddress} ${answer instanceof Refusal ? answer.reason : answer.name}`);
  };
  return { ask, ends };
}

describe('basic authentication under guesses', () => {
  test('a user whose password is right waits for one turn of each other network, not for all guesses', async () => {
    const { ask, ends } = open();
    const guesses = Array.from({ length: 24 }, (_, index) => ask(`network ${index % 3}`, 'ann', `wrong ${index}`));
    await Promise.all([...guesses, ask('home', 'bob', 'right')]);
    const turn = ends.indexOf('home bob');
    assert.ok(turn >= 0 && turn <= 7, `${turn} of ${ends.length}`);
  });

  test('what finds no place in the queue is refused, and from the network that has most', async () => {
    const { ask, ends } = open();
    const guesses = Array.from({ length: 80 }, (_, index) => ask('crowd', 'ann', `wrong ${index}`));
    const user = ask('home', 'bob', 'right');
    await user;
    assert.ok(ends.includes('home bob'));
    assert.ok(ends.filter((end) => end === 'crowd overloaded').length >= 80 - 2 - 64);
    await Promise.all(guesses);
  });

  test('a pair that is known waits for nobody', async () => {
    const { ask, ends } = open();
    await ask('home', 'bob', 'right');
    const guesses = Array.from({ length: 6 }, (_, index) => ask('crowd', 'ann', `wrong ${index}`));
    await ask('home', 'bob', 'right');
    assert.deepEqual(ends, ['home bob', 'home bob']);
    await Promise.all(guesses);
  });
});
