import { StoreError } from '../../../src/store/errors.ts';
import type { Ledger, LedgerEvent, LedgerResult } from '../../../src/store/ledger.ts';
import { BatchedLedger, type LedgerOptions } from '../../../src/store/ledger/batched-ledger.ts';
import type { SpillFiles } from '../../../src/store/ledger/spill-files.ts';
import type { BarcodeRecord } from '../../../src/store/records.ts';
import { ManualClock } from './manual-clock.ts';

export function record(number: number, text = `text ${number}`): BarcodeRecord {
  const tail = number.toString(16).padStart(12, '0');
  return {
    id: `01939d5a-0000-7000-8000-${tail}`,
    keyId: '01939d5a-0000-7000-8000-000000000000',
    symbology: 'qrcode',
    format: 'svg',
    text,
    bytes: Buffer.from(`image ${number}`),
    status: 'delivered',
    requestId: `request-${number}`,
    createdAtMs: 1_763_712_000_000 + number,
  };
}

export const POISON = 'poison';
const never = new Promise<never>(() => {});

/** A host: its PostgreSQL, its disk and the ledgers of its processes, of which one lives at a time. */
export class FakeHost {
  readonly clock = new ManualClock();
  readonly rows = new Map<string, BarcodeRecord>();
  readonly batches: number[] = [];
  readonly disk = new Map<string, string>();
  readonly totals: Record<LedgerResult, number> = { written: 0, spilled: 0, replayed: 0, dropped: 0, rejected: 0 };
  readonly events: LedgerEvent[] = [];
  /** `lost-ack`: the rows are in, and the answer never arrives. */
  database: 'up' | 'down' | 'hanging' | 'lost-ack' | 'up-for-one-batch' = 'up';
  isDiskFull = false;
  #life = 0;

  start(options: Partial<LedgerOptions> = {}): Ledger {
    this.#life += 1;
    const life = this.#life;
    return new BatchedLedger({
      insertMany: (records) => this.#insertMany(life, records),
      clock: this.clock,
      batchSize: 4,
      flushMs: 50,
      spillDir: 'unused',
      files: this.#files(life),
      owner: { name: `process-${life}`, isAlive: (name) => name === `process-${this.#life}` },
      onResult: (result, count) => (this.totals[result] += count),
      onEvent: (event) => this.events.push(event),
      ...options,
    });
  }

  /** kill -9: nothing that the ledger has begun ever ends, and nothing that it begins happens. */
  crash(): void {
    this.#life += 1;
  }

  /** The last bytes that were written did not all reach the disk. */
  tearTail(bytes: number): void {
    const last = [...this.disk.keys()].at(-1);
    if (last !== undefined) this.disk.set(last, (this.disk.get(last) ?? '').slice(0, -bytes));
  }

  async #insertMany(life: number, records: readonly BarcodeRecord[]): Promise<number> {
    if (life !== this.#life || this.database === 'hanging') return never;
    if (this.database === 'down') throw new StoreError('unavailable', 'connection refused', 'ECONNREFUSED', undefined);
    if (records.some(({ text }) => text === POISON)) throw new StoreError('rejected', 'bad value', '22021', undefined);
    this.batches.push(records.length);
    const fresh = records.filter(({ id }) => !this.rows.has(id));
    for (const one of fresh) this.rows.set(one.id, one);
    if (this.database === 'up-for-one-batch') this.database = 'down';
    return this.database === 'lost-ack' ? never : fresh.length;
  }

  #files(life: number): SpillFiles {
    const alive = async () => (life === this.#life ? undefined : never);
    return {
      list: async () => {
        await alive();
        return [...this.disk].map(([name, text]) => ({ name, bytes: Buffer.byteLength(text) }));
      },
      append: async (name, text) => {
        await alive();
        if (this.isDiskFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        this.disk.set(name, (this.disk.get(name) ?? '') + text);
      },
      read: async (name) => {
        await alive();
        return this.disk.get(name) ?? '';
      },
      rename: async (from, to) => {
        await alive();
        const text = this.disk.get(from);
        if (text === undefined) return false;
        this.disk.delete(from);
        this.disk.set(to, text);
        return true;
      },
      remove: async (name) => {
        await alive();
        this.disk.delete(name);
      },
    };
  }
}
