import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLedger, type LedgerCheckResult } from '../../scripts/ledger/check.ts';
import { isSound } from '../../scripts/ledger/exactly-once.ts';
import type { Misfortune } from '../../scripts/ledger/nemesis.ts';

async function check(mode: string, ...faults: Misfortune[]): Promise<LedgerCheckResult> {
  const lines: string[] = [];
  const result = await checkLedger({ mode, faults, seed: 7, say: (line) => lines.push(line) });
  assert.ok(isSound(result.verdict), `${lines.join('\n')}\n${JSON.stringify(result.verdict)}`);
  assert.ok(result.log.filter(({ status }) => status === 201).length > 200, lines.join('\n'));
  return result;
}

test('with LEDGER_DURABILITY=wal, barcodes are made while PostgreSQL hangs, is locked or stopped, and while the disk is full', async () => {
  const { log } = await check('wal', 'PostgreSQL hangs', 'the table is locked', 'the disk is full', 'PostgreSQL stops');
  // On a machine that is busy with other tests, a request may wait for a generator for too long.
  const made = log.filter(({ status }) => status === 201).length;
  assert.ok(made / log.length > 0.95, `${made} of ${log.length}`);
});

test('with LEDGER_DURABILITY=sync, what PostgreSQL did not take in time is refused, and no record says that it was delivered', async () => {
  const { log } = await check('sync', 'PostgreSQL hangs', 'the table is locked');
  assert.deepEqual([...new Set(log.map(({ status }) => status))].sort(), [201, 503]);
});
