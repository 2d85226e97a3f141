import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { uuidv7 } from '../../src/core/ids.ts';
import { median } from '../../src/lab/statistics/quantile.ts';
import type { Ledger } from '../../src/store/ledger.ts';
import { DirectLedger } from '../../src/store/ledger/direct-ledger.ts';
import { filesIn } from '../../src/store/ledger/ledger-files.ts';
import { thisProcess } from '../../src/store/ledger/owner.ts';
import { WalLedger } from '../../src/store/ledger/wal-ledger.ts';

const IMAGE_BYTES = 2900;
const TURNS = 5_000;
const ROUNDS = 9;

/** Processor time of one record, in microseconds. */
interface Row {
  readonly perTurn: number;
  readonly memory: number;
  readonly wal: number;
}

/** The cost of the write-ahead log beside a ledger in memory; PostgreSQL, the same in both, is left out. */
export async function benchLedger(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const perTurn of [1, 4, 16]) {
    const samples = { memory: [] as number[], wal: [] as number[] };
    for (let round = 0; round < ROUNDS; round++)
      for (const mode of ['memory', 'wal'] as const) samples[mode].push(await measure(mode, perTurn));
    rows.push({ perTurn, memory: median(samples.memory), wal: median(samples.wal) });
  }
  return rows;
}

async function measure(mode: 'memory' | 'wal', perTurn: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bench-ledger-'));
  const ledger = openLedger(mode, folder);
  try {
    await appendTurns(ledger, perTurn, TURNS / 5);
    const before = process.cpuUsage();
    await appendTurns(ledger, perTurn, TURNS);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / (TURNS * perTurn);
  } finally {
    await ledger.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function openLedger(mode: 'memory' | 'wal', folder: string): Ledger {
  const options = {
    table: { insertMany: async (records: readonly unknown[]) => records.length, setAborted: async () => {} },
    files: filesIn(folder),
    owner: thisProcess(),
    clock: systemClock,
    batchSize: 200,
    flushMs: 50,
    whenFull: 'refuse' as const,
    maxInMemory: 1_000_000,
  };
  if (mode === 'memory') return new DirectLedger({ ...options, mode });
  return new WalLedger({ ...options, fsyncMs: 200, maxBytes: 1024 ** 4, atEndOfTurn: setImmediate });
}

async function appendTurns(ledger: Ledger, perTurn: number, turns: number): Promise<void> {
  const bytes = Buffer.alloc(IMAGE_BYTES, 'i');
  for (let turn = 0; turn < turns; turn++) {
    for (let index = 0; index < perTurn; index++) {
      const createdAtMs = systemClock.wallNow();
      const id = uuidv7(createdAtMs);
      void ledger.append({
        id,
        keyId: id,
        symbology: 'qrcode',
        format: 'png',
        text: 'https://example.com/a/product/4006381333931',
        bytes,
        status: 'delivered',
        requestId: id,
        createdAtMs,
      });
    }
    await new Promise(setImmediate);
  }
}

export function ledgerTable(rows: readonly Row[]): string {
  const lines = rows.map(({ perTurn, memory, wal }) => {
    return `| ${perTurn} | ${memory.toFixed(1)} | ${wal.toFixed(1)} | ${(wal - memory).toFixed(1)} |`;
  });
  return ['| records a turn | memory, µs | wal, µs | more |', '|---:|---:|---:|---:|', ...lines].join('\n');
}
