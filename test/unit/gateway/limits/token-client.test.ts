import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TokenClient, type TokenVerdict } from '../../../../src/gateway/limits/token-client.ts';
import { RateLimitAuthority } from '../../../../src/policy/rate/rate-limit-authority.ts';
import type { TokenAsk } from '../../../../src/protocol/tokens.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const limit = { requestsPerSecond: 10, burst: 8 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A client of four workers, whose messages are kept until they are answered by hand. */
function setUp() {
  const clock = new ManualClock();
  const sent: (readonly TokenAsk[])[] = [];
  const state = { takes: true };
  const send = (asks: readonly TokenAsk[]): boolean => {
    if (state.takes) sent.push(asks);
    return state.takes;
  };
  const client = new TokenClient({ clock, bugs: quietInstruments().bugs, workers: 4, send });
  const authority = new RateLimitAuthority(10, Number.NEGATIVE_INFINITY);
  const answer = (): void => {
    for (const asks of sent.splice(0)) client.answered(asks.map((ask) => authority.answer(ask, clock.now())));
  };
  return { clock, sent, state, client, authority, answer };
}

const isWaiting = (verdict: TokenVerdict | Promise<TokenVerdict>): boolean => verdict instanceof Promise;

describe('TokenClient', () => {
  test('before control is there, and once it is gone, the share decides at once', async () => {
    const { client, sent } = setUp();
    // A quarter of the burst.
    assert.deepEqual(
      [1, 2, 3].map(() => client.take('key:1', limit)),
      [undefined, undefined, 400],
    );
    client.connected();
    const waiting = [client.take('key:2', limit), client.take('key:2', limit), client.take('key:2', limit)];
    assert.ok(waiting.every(isWaiting));
    await turn();
    assert.equal(sent.length, 1);
    client.lost();
    assert.deepEqual(await Promise.all(waiting), [undefined, undefined, 400]);
    assert.equal(client.take('key:2', limit), 400);
    assert.equal(client.byShare, 7);
    client.connected();
    void client.take('key:2', limit);
    await turn();
    // What the share allowed is no debt.
    assert.deepEqual(
      sent.at(-1)?.map(({ spent }) => spent),
      [0],
    );
  });

  test('asks for all subjects in one message a turn, and serves waiting requests in their order', async () => {
    const { client, sent, answer } = setUp();
    client.connected();
    const verdicts = Array.from({ length: 10 }, () => client.take('key:1', limit));
    const other = client.take('address:1', limit);
    await turn();
    assert.deepEqual(
      sent.map((asks) => asks.map(({ subject, wanted }) => [subject, wanted])),
      [
        [
          ['key:1', 10],
          ['address:1', 1],
        ],
      ],
    );
    answer();
    assert.deepEqual(await Promise.all(verdicts), [...Array.from({ length: 8 }, () => undefined), 100, 100]);
    assert.equal(await other, undefined);
  });

  test('a refusal holds until there can be a token, without a message', async () => {
    const { client, clock, sent, answer, authority } = setUp();
    client.connected();
    authority.answer({ subject: 'key:1', limit, wanted: 8, spent: 0, returned: 0, chain: 0 }, 0);
    const first = client.take('key:1', limit);
    await turn();
    answer();
    assert.equal(await first, 100);
    clock.advance(60);
    assert.equal(client.take('key:1', limit), 40);
    await turn();
    assert.equal(sent.length, 0);
    clock.advance(40);
    assert.ok(isWaiting(client.take('key:1', limit)));
    await turn();
    assert.equal(sent.length, 1);
  });

  test('a control that does not answer is waited for once, 20 ms, and asked again', async () => {
    const { client, clock, sent, answer } = setUp();
    client.connected();
    const first = client.take('key:1', limit);
    await turn();
    clock.advance(19);
    const second = client.take('key:2', limit);
    clock.advance(1);
    assert.equal(await first, undefined);
    assert.equal(client.byShare, 1);
    assert.equal(client.take('key:3', limit), undefined);
    clock.advance(20);
    assert.equal(await second, undefined);
    await turn();
    // What went by share is said with the next message.
    const spent = (): number => sent.flat().reduce((sum, ask) => sum + ask.spent, 0);
    clock.advance(50);
    await turn();
    assert.equal(spent(), 3);
    answer();
    assert.equal(client.take('key:1', limit), undefined);
    assert.deepEqual([client.byShare], [3]);
  });

  test('a new limit is asked for at once, whatever was refused before', async () => {
    const { client, sent, answer, authority } = setUp();
    client.connected();
    authority.answer({ subject: 'key:1', limit, wanted: 8, spent: 0, returned: 0, chain: 0 }, 0);
    const first = client.take('key:1', limit);
    await turn();
    answer();
    assert.equal(await first, 100);
    assert.equal(client.take('key:1', { ...limit }), 100);
    assert.ok(isWaiting(client.take('key:1', { requestsPerSecond: 100, burst: 100 })));
    await turn();
    assert.equal(sent.length, 1);
  });

  test('tokens of a control that is gone are no good with the next one', async () => {
    const { client, answer } = setUp();
    const large = { requestsPerSecond: 1000, burst: 100 };
    client.connected();
    const verdicts = Array.from({ length: 3 }, () => client.take('key:1', large));
    await turn();
    answer();
    await Promise.all(verdicts);
    client.lost();
    client.connected();
    assert.ok(isWaiting(client.take('key:1', large)));
  });

  test('requests do not wait for a control that takes no message, and are reported to it later', async () => {
    const { client, clock, sent, state } = setUp();
    client.connected();
    state.takes = false;
    const verdict = client.take('key:1', limit);
    await turn();
    assert.equal(await verdict, undefined);
    // Twice: what could not be said must be said still.
    clock.advance(50);
    await turn();
    state.takes = true;
    clock.advance(50);
    await turn();
    assert.deepEqual(
      sent.flat().map(({ spent }) => spent),
      [1],
    );
  });

  test('tokens that are not used go back', async () => {
    const { client, clock, sent, answer } = setUp();
    client.connected();
    const verdicts = Array.from({ length: 3 }, () => client.take('key:1', { requestsPerSecond: 1000, burst: 100 }));
    await turn();
    answer();
    await Promise.all(verdicts);
    clock.advance(150);
    await turn();
    const [back] = sent.flat();
    assert.deepEqual([back?.wanted, back?.returned], [0, 2]);
    clock.advance(1000);
    await turn();
    assert.equal(sent.length, 1);
  });

  test("over a fleet its share is its part of the host's part: by hosts, then by what an answer says", async () => {
    const { client, sent, clock } = setUp();
    client.connected();
    client.answered([], 2);
    void client.take('key:1', limit);
    await turn();
    client.lost();
    // One of 8 at once, of two hosts with four workers each; then one of 32 from the host's quarter.
    assert.equal(client.take('key:1', limit), 800);
    client.connected();
    void client.take('key:1', limit);
    await turn();
    const grant = { subject: 'key:1', tokens: 0, remaining: 0, retryAfterMs: 5, chain: 1 };
    client.answered([{ ...grant, share: 0.125 }], 2);
    client.lost();
    clock.advance(10_000);
    assert.deepEqual([client.take('key:1', limit), client.take('key:1', limit)], [undefined, 3200]);
    client.answered([], 1);
    clock.advance(10_000);
    assert.deepEqual(
      [1, 2, 3].map(() => client.take('key:1', limit)),
      [undefined, undefined, 400],
    );
    assert.ok(sent.length > 0);
  });
});
