import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { fleetLibrary } from '../../src/control/fleet/fleet-function.ts';
import { parseFleetAnswer } from '../../src/control/fleet/fleet-answer.ts';
import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { FleetBook } from '../../src/policy/fleet/fleet-book.ts';
import type { BackendClaim, FleetCall } from '../../src/policy/fleet/fleet-call.ts';
import { ValkeyClient } from '../../src/store/valkey/valkey-client.ts';
import { quietInstruments } from '../support/instruments.ts';
import { eventually } from '../support/raw.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

let server: TestValkey;
let valkey: ValkeyClient;
before(async () => {
  if (withoutValkey !== false) return;
  server = await startValkey();
  valkey = new ValkeyClient({
    url: server.url,
    libraries: [fleetLibrary],
    clock: systemClock,
    random: seededRandom(1),
    log: pino({ level: 'silent' }),
    bugs: quietInstruments().bugs,
    timeoutMs: 5000,
    connectionName: 'rampart-test',
  });
  await eventually('it is connected', () => valkey.status().state === 'connected');
});
after(async () => {
  valkey?.close();
  await server?.close();
});

const host = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
type Step =
  | { readonly kind: 'renew'; readonly call: Omit<FleetCall, 'expectedAt'>; readonly late: number }
  | { readonly kind: 'leave'; readonly host: string; readonly incarnation: number }
  | { readonly kind: 'forget'; readonly host: string };
/** Calls about backends with these caps, of which hosts hold at most so many permits. */
function stepsWith(caps: readonly number[], most: number): fc.Arbitrary<[Step, number][]> {
  const claim: fc.Arbitrary<BackendClaim> = fc.record({
    backend: fc.constantFrom('app http://10.0.0.1', 'app http://10.0.0.2'),
    cap: fc.constantFrom(...caps),
    floorShare: fc.constantFrom(500, 500, 0, 800),
    quarantineMs: fc.constantFrom(1000, 1000, 5000),
    held: fc.oneof(fc.constant(0), fc.nat(most)),
    want: fc.nat(2 * most),
    floor: fc.oneof(fc.constant(0), fc.nat(Math.ceil(most / 3))),
  });
  const call = fc.record({
    host,
    incarnation: fc.constantFrom(0, 1, 1, 1, 1, 1, 1, 2),
    seq: fc.nat(1000),
    // Rarely another one, because the book learns for long then and decides nothing.
    runId: fc.nat(30).map((number) => (number === 0 ? 'run-2' : 'run-1')),
    toleranceMs: fc.constant(250),
    jumped: fc.boolean(),
    settled: fc.constantFrom(true, true, true, false),
    claims: fc
      .array(claim, { maxLength: 2 })
      .map((claims) => claims.slice(0, claims[0]?.backend === claims[1]?.backend ? 1 : 2)),
  });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        kind: fc.constant('renew' as const),
        call,
        late: fc.constantFrom(0, 0, 0, 0, 0, 0, 200, -200, 300, 288_000, -288_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('leave' as const), host, incarnation: fc.constantFrom(1, 2) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), host }) },
  );
  const ms = fc.constantFrom(1, 20, 200, 500, 500, 3000, 3000, 11_000, 300_000);
  return fc.array(fc.tuple(step, ms), { maxLength: 100, size: 'max' });
}
/** Hosts that all want more of one backend, in a book that has learnt: who gives, and who is poor. */
const crowd: fc.Arbitrary<[Step, number][]> = fc
  .array(
    fc.record({
      host,
      held: fc.nat(9),
      want: fc.nat(60),
      floor: fc.nat(2),
      ms: fc.constantFrom(1, 20, 200, 500, 1200),
    }),
    { minLength: 30, maxLength: 80, size: 'max' },
  )
  .map((calls) =>
    calls.map(({ host: id, ms, ...told }, index): [Step, number] => {
      const claim = { backend: 'app http://10.0.0.1', cap: 24, floorShare: 500, quarantineMs: 1000, ...told };
      const call = { incarnation: 1, seq: 0, runId: 'run-1', toleranceMs: 250, jumped: false, settled: true };
      return [{ kind: 'renew', late: 0, call: { ...call, host: id, claims: [claim] } }, index < 6 ? 3000 : ms];
    }),
  );
const steps = fc.oneof(stepsWith([24, 24, 24, 3, 100, 17], 30), stepsWith([2, 3], 3), crowd);

let runs = 0;

test('the function in Valkey answers as the plain code does', { skip: withoutValkey }, async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const prefix = `test:${++runs}`;
      const book = new FleetBook();
      let now = 1_700_000_000_000;
      for (const [index, [one, ms]] of sequence.entries()) {
        now += ms;
        if (one.kind === 'leave') {
          book.leave(one.host, one.incarnation);
          await valkey.call(fleetLibrary.named('leave'), [prefix], [one.host, one.incarnation]);
        } else if (one.kind === 'forget') {
          book.forget(one.host, now);
          await valkey.call(fleetLibrary.named('forget'), [prefix], [one.host, now]);
        } else {
          // Each host has seen the last answer, so that most calls are taken in.
          const expectedAt = book.now(now) + one.late;
          const asked: FleetCall = { ...one.call, seq: index * 10 + (one.call.seq % 15), expectedAt };
          const expected = book.renew(asked, now);
          const answer = await valkey.call(fleetLibrary.named('renew'), [prefix], [JSON.stringify(asked), now]);
          assert.deepEqual(parseFleetAnswer(answer), expected, `step ${index} of ${JSON.stringify(sequence)}`);
        }
      }
    }),
    { numRuns: Number(process.env['FLEET_RUNS'] ?? 150) },
  );
});
