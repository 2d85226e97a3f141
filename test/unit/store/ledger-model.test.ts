import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Ledger } from '../../../src/store/ledger.ts';
import { FakeHost, POISON, record } from './ledger-fakes.ts';
import { settled } from './manual-clock.ts';

type Step =
  | { readonly kind: 'append'; readonly count: number; readonly poisonAt: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'database'; readonly state: FakeHost['database'] }
  | { readonly kind: 'disk'; readonly isFull: boolean }
  | { readonly kind: 'restart' }
  | { readonly kind: 'crash'; readonly tornBytes: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        count: fc.integer({ min: 1, max: 9 }),
        poisonAt: fc.integer({ min: 0, max: 30 }),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(10, 50, 300, 2_500, 31_000) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('database' as const),
        state: fc.constantFrom('up' as const, 'down' as const, 'hanging' as const, 'lost-ack' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('disk' as const), isFull: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('crash' as const), tornBytes: fc.constantFrom(0, 0, 1, 40) }),
    },
  ),
  { maxLength: 40 },
);

/** What the client was told, and what a crash may take. */
class Oracle {
  readonly appended = new Set<string>();
  readonly poisoned = new Set<string>();
  /** In memory when a process was killed, or torn off the end of its file. */
  readonly mayBeLost = new Set<string>();
}

async function close(host: FakeHost, ledger: Ledger): Promise<void> {
  const closed = ledger.close();
  // Long enough for writes that hang.
  await host.clock.advance(10_000);
  await closed;
}

async function crash(host: FakeHost, ledger: Ledger, oracle: Oracle, tornBytes: number): Promise<void> {
  for (const id of oracle.appended) if (ledger.find(id) !== undefined) oracle.mayBeLost.add(id);
  await settled();
  host.crash();
  if (tornBytes === 0) return;
  const last = [...host.disk.values()].at(-1)?.trimEnd().split('\n').at(-1) ?? '';
  const torn = /"id":"([^"]+)"/.exec(last)?.[1];
  if (torn !== undefined) oracle.mayBeLost.add(torn);
  host.tearTail(tornBytes);
}

async function run(host: FakeHost, sequence: readonly Step[], oracle: Oracle): Promise<Ledger> {
  let ledger = host.start();
  let number = 0;
  for (const step of sequence) {
    if (step.kind === 'append') {
      for (let index = 0; index < step.count; index += 1) {
        const one = record((number += 1), index === step.poisonAt ? POISON : 'fine');
        oracle.appended.add(one.id);
        if (index === step.poisonAt) oracle.poisoned.add(one.id);
        ledger.append(one);
      }
    } else if (step.kind === 'wait') await host.clock.advance(step.ms);
    else if (step.kind === 'database') host.database = step.state;
    else if (step.kind === 'disk') host.isDiskFull = step.isFull;
    else {
      if (step.kind === 'restart') await close(host, ledger);
      else await crash(host, ledger, oracle, step.tornBytes);
      ledger = host.start();
    }
  }
  return ledger;
}

/** Faults end: everything that can be stored must be, in bounded time. */
async function recover(host: FakeHost, ledger: Ledger): Promise<void> {
  host.database = 'up';
  host.isDiskFull = false;
  // What a killed process left is found within half a minute.
  await host.clock.advance(31_000);
  for (let round = 0; round < 20 && ledger.pending > 0; round += 1) await host.clock.advance(5_000);
  assert.equal(ledger.pending, 0, 'nothing is left waiting once the faults are over');
}

test('whatever happens, each record is stored once, or counted as dropped or rejected', async () => {
  const check = fc.asyncProperty(steps, async (sequence) => {
    const host = new FakeHost();
    const oracle = new Oracle();
    const ledger = await run(host, sequence, oracle);
    await recover(host, ledger);
    await close(host, ledger);
    const missing = [...oracle.appended].filter((id) => !host.rows.has(id) && !oracle.poisoned.has(id));
    const { written, replayed, dropped, rejected } = host.totals;
    const unexplained = missing.filter((id) => !oracle.mayBeLost.has(id));
    assert.ok(unexplained.length <= dropped, `${unexplained.length} records are gone, and ${dropped} were counted`);
    for (const id of host.rows.keys()) assert.ok(oracle.appended.has(id), 'nothing is stored that was not appended');
    for (const id of oracle.poisoned) assert.ok(!host.rows.has(id));
    const counted = written + replayed + rejected + dropped;
    if (sequence.some(({ kind }) => kind === 'crash'))
      assert.ok(counted + oracle.mayBeLost.size >= oracle.appended.size);
    else assert.equal(counted, oracle.appended.size, 'each record has one fate');
  });
  await fc.assert(check, { numRuns: Number(process.env['MODEL_RUNS'] ?? 2_000) });
});
