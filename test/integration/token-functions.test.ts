import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { systemClock } from '../../src/core/clock.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { type FleetAsk, FleetBank } from '../../src/policy/rate/fleet-bank.ts';
import { tokenFunctions } from '../../src/store/valkey/token-functions.ts';
import { ValkeyClient } from '../../src/store/valkey/valkey-client.ts';
import { ValkeyTokens } from '../../src/store/valkey/valkey-tokens.ts';
import { ValkeyUnavailable } from '../../src/store/valkey/valkey-unavailable.ts';
import { quietInstruments } from '../support/instruments.ts';
import { eventually } from '../support/raw.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

let valkey: TestValkey;
let client: ValkeyClient;
before(async () => {
  if (withoutValkey !== false) return;
  valkey = await startValkey();
  client = new ValkeyClient({
    url: valkey.url,
    libraries: [tokenFunctions],
    clock: systemClock,
    random: () => 0.5,
    log: pino({ level: 'silent' }),
    bugs: quietInstruments().bugs,
    connectionName: 'test',
    timeoutMs: 5000,
  });
  await eventually('it is connected', () => client.status().state === 'connected');
});
after(async () => {
  if (withoutValkey !== false) return;
  client.close();
  await valkey.close();
});

const some = (random: Random, ...values: readonly number[]): number =>
  values[Math.floor(random() * values.length)] ?? 0;

/** An ask of anything, with chains that the subject has had. */
function anyAsk(random: Random, subject: string, chains: readonly number[]): FleetAsk {
  return {
    subject,
    limit: { requestsPerSecond: some(random, 0.5, 10, 1000, 1000, 20_000), burst: some(random, 1, 20, 20, 500) },
    wanted: some(random, 0, 1, 1, 5, 40),
    spent: some(random, 0, 0, 0, 1, 30),
    returned: some(random, 0, 0, 1, 3),
    chain: some(random, ...chains.slice(-3), 0),
    demand: some(random, 0, 1, 10.5),
  };
}

test('the functions in Lua do exactly what FleetBank does', { skip: withoutValkey }, async () => {
  const random = seededRandom(142);
  const bank = new FleetBank();
  const chains: number[] = [];
  let runId = 'run1';
  let granted = 0;
  for (let round = 0; round < 4000; round++) {
    const event = random();
    if (event < 0.004) {
      bank.empty();
      await client.command('FLUSHALL');
    } else if (event < 0.008) runId = `run${round}`;
    const subject = `s${some(random, 1, 2, 3)}`;
    const ask = anyAsk(random, subject, chains);
    const { requestsPerSecond, burst } = ask.limit;
    const args = [runId, requestsPerSecond, burst, ask.wanted, ask.spent, ask.returned, ask.chain, ask.demand];
    const answer = await client.call(
      tokenFunctions.named('ask'),
      [`rampart:tokens:1:${subject}`, 'rampart:tokens:1', 'rampart:tokens:1:hosts'],
      args,
    );
    const [tokens, remaining, retryAfterMs, chain, demand, micros] = (answer as unknown[]).map(Number);
    const expected = bank.answer(ask, { now: (micros ?? 0) / 1000, runId, newChain: micros ?? 0 });
    const { demand: expectedDemand, ...grant } = expected;
    assert.deepEqual({ subject, tokens, remaining, retryAfterMs, chain }, grant, `round ${round}`);
    // The exponential functions of both differ in the last digit.
    assert.ok(Math.abs((demand ?? 0) - expectedDemand) <= 1e-9 * (1 + expectedDemand), `round ${round}`);
    chains.push(chain ?? 0);
    granted += tokens ?? 0;
  }
  assert.ok(granted > 1000, `it was about something: ${granted}`);
});

test(
  'ValkeyTokens asks for many subjects in one round trip, under keys that do not show them',
  { skip: withoutValkey },
  async () => {
    await client.command('FLUSHALL');
    const store = new ValkeyTokens(client);
    const limit = { requestsPerSecond: 10, burst: 5 };
    const ask = { limit, wanted: 2, spent: 0, returned: 0, chain: 0, demand: 3 };
    await store.announce('a');
    const { answers, hosts } = await store.ask([
      { ...ask, subject: 'route:cookie-of-a-client' },
      { ...ask, subject: 'address:192.0.2.1' },
    ]);
    assert.equal(hosts, 1);
    const [first, second] = answers;
    // A new server begins with one token.
    assert.ok(first !== undefined && !(first instanceof ValkeyUnavailable));
    assert.deepEqual(first, { ...first, subject: 'route:cookie-of-a-client', tokens: 1, remaining: 0, demand: 3 });
    assert.ok(first.retryAfterMs > 50 && first.retryAfterMs <= 100);
    assert.ok(second !== undefined && 'tokens' in second && second.subject === 'address:192.0.2.1');
    const keys = (await client.command('KEYS', '*')) as string[];
    assert.equal(keys.length, 4);
    assert.doesNotMatch(keys.join(' '), /cookie|192/);
    const ttls = await Promise.all(
      keys
        .filter((key) => key.split(':').length === 4 && !key.endsWith(':hosts'))
        .map((key) => client.command('PTTL', key)),
    );
    for (const ttl of ttls) assert.ok(Number(ttl) > 5000 && Number(ttl) <= 10_000, String(ttl));
  },
);

test('buckets fill from the time at which the first host was there', { skip: withoutValkey }, async () => {
  await client.command('FLUSHALL');
  const store = new ValkeyTokens(client);
  await store.announce('a');
  await new Promise((resolve) => setTimeout(resolve, 30));
  const limit = { requestsPerSecond: 1000, burst: 20 };
  const ask = { subject: 'key:1', limit, wanted: 20, spent: 0, returned: 0, chain: 0, demand: 20 };
  const { answers } = await store.ask([ask]);
  assert.ok(answers[0] !== undefined && 'tokens' in answers[0] && answers[0].tokens === 20);
});

test('ValkeyTokens counts the hosts that are there', { skip: withoutValkey }, async () => {
  const store = new ValkeyTokens(client);
  await client.command('FLUSHALL');
  assert.equal(await store.announce('a'), 1);
  assert.equal(await store.announce('b'), 2);
  assert.equal(await store.announce('a'), 2);
  await store.leave('b');
  assert.equal(await store.announce('a'), 1);
  // One that was seen long ago.
  await client.command('ZADD', 'rampart:tokens:1:hosts', 1, 'c');
  assert.equal(await store.announce('a'), 1);
});
