import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Ledger } from '../../../src/store/ledger.ts';
import { FakeHost, type Mode, POISON, record } from './ledger-fakes.ts';
import { settled } from './manual-clock.ts';

type Step =
  | { readonly kind: 'append'; readonly count: number; readonly poisonAt: number; readonly abortAt: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'database'; readonly state: FakeHost['database'] }
  | { readonly kind: 'disk'; readonly isFull: boolean }
  | { readonly kind: 'restart' }
  | { readonly kind: 'kill' }
  | { readonly kind: 'power' };

const databases = ['up', 'up', 'down', 'hanging', 'lost-ack', 'up-for-one-batch'] as const;

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        count: fc.integer({ min: 1, max: 9 }),
        poisonAt: fc.integer({ min: 0, max: 30 }),
        abortAt: fc.integer({ min: 0, max: 15 }),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(0, 10, 50, 300, 2_500, 31_000) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('database' as const), state: fc.constantFrom(...databases) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('disk' as const), isFull: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('power' as const) }) },
  ),
  { maxLength: 40 },
);

/** What the client was told. */
class Oracle {
  /** With a 201, by id. */
  readonly kept = new Set<string>();
  /** Kept after the last sync that has ended, so that a loss of power may take them. */
  readonly unsynced = new Set<string>();
  readonly appended = new Set<string>();
  readonly poisoned = new Set<string>();
  readonly aborted = new Set<string>();
}

async function appendOne(
  ledger: Ledger,
  oracle: Oracle,
  id: string,
  fate: ReturnType<Ledger['append']>,
  leaves: boolean,
): Promise<void> {
  if ((await fate) !== undefined) return;
  oracle.kept.add(id);
  oracle.unsynced.add(id);
  if (!leaves) return;
  oracle.aborted.add(id);
  ledger.aborted(id);
}

async function append(host: FakeHost, ledger: Ledger, oracle: Oracle, step: Step & { kind: 'append' }, from: number) {
  for (let index = 0; index < step.count; index += 1) {
    const one = record(from + index, index === step.poisonAt ? POISON : 'fine');
    oracle.appended.add(one.id);
    if (index === step.poisonAt) oracle.poisoned.add(one.id);
    void appendOne(ledger, oracle, one.id, ledger.append(one), index === step.abortAt);
  }
  await host.clock.advance(0);
}

interface Modes {
  readonly mode: Mode;
  readonly fsyncMs: number;
}

async function run(
  host: FakeHost,
  sequence: readonly Step[],
  oracle: Oracle,
  { mode, fsyncMs }: Modes,
): Promise<Ledger> {
  const start = (): Ledger => host.start(mode, { fsyncMs, maxInMemory: mode === 'wal' ? 20 : 10_000 });
  let ledger = start();
  let number = 0;
  for (const step of sequence) {
    if (step.kind === 'append') {
      await append(host, ledger, oracle, step, number);
      number += step.count;
    } else if (step.kind === 'wait') {
      await host.clock.advance(step.ms);
      // By then the process has synced, or another one has taken over and synced.
      if (step.ms >= 2_500 && !host.disk.isFull) oracle.unsynced.clear();
    } else if (step.kind === 'database') host.database = step.state;
    else if (step.kind === 'disk') host.disk.isFull = step.isFull;
    else if (step.kind === 'restart') {
      const closed = ledger.close();
      // Long enough for writes that hang.
      await host.clock.advance(10_000);
      await closed;
      ledger = start();
    } else {
      await settled();
      host.crash();
      if (step.kind === 'power') {
        host.disk.losePower();
        if (fsyncMs > 0) for (const id of oracle.unsynced) if (!host.rows.has(id)) oracle.kept.delete(id);
        oracle.unsynced.clear();
      }
      ledger = start();
    }
  }
  return ledger;
}

/** Faults end: everything that can be stored must be, in bounded time. */
async function recover(host: FakeHost, ledger: Ledger): Promise<void> {
  host.database = 'up';
  host.disk.isFull = false;
  await host.clock.advance(5_000);
  for (let round = 0; round < 20 && ledger.pending > 0; round += 1) await host.clock.advance(5_000);
  assert.equal(ledger.pending, 0, 'nothing is left waiting once the faults are over');
  const closed = ledger.close();
  await host.clock.advance(10_000);
  await closed;
}

const modes: Modes[] = [
  { mode: 'wal', fsyncMs: 200 },
  { mode: 'wal', fsyncMs: 0 },
  { mode: 'sync', fsyncMs: 200 },
];

for (const setting of modes)
  test(`${setting.mode}, fsync ${setting.fsyncMs}: whatever happens, a record that was kept is stored once`, async () => {
    const check = fc.asyncProperty(steps, async (sequence) => {
      const host = new FakeHost();
      const oracle = new Oracle();
      const ledger = await run(host, sequence, oracle, setting);
      await recover(host, ledger);
      const missing = [...oracle.kept].filter((id) => !host.rows.has(id) && !oracle.poisoned.has(id));
      assert.deepEqual(missing, [], 'each record whose client got a 201 is there');
      for (const id of host.rows.keys()) assert.ok(oracle.appended.has(id), 'nothing is stored that was not appended');
      for (const id of oracle.poisoned) assert.ok(!host.rows.has(id));
      if (
        sequence.every(({ kind }) => kind !== 'kill' && kind !== 'power' && kind !== 'disk') &&
        setting.mode === 'wal'
      ) {
        const wrong = [...oracle.aborted].filter((id) => host.rows.has(id) && host.rows.get(id)?.status !== 'aborted');
        assert.deepEqual(wrong, [], 'an aborted record says so');
      }
      const left = host.disk.names.filter((name) => name !== 'rejected.ndjson');
      assert.deepEqual(left, [], 'nothing is left on the disk');
    });
    await fc.assert(check, { numRuns: Number(process.env['MODEL_RUNS'] ?? 700) });
  });
