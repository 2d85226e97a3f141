import { StoreError } from '../../../src/store/errors.ts';
import type { Ledger, LedgerEvent, LedgerRefusal, LedgerResult } from '../../../src/store/ledger.ts';
import { DirectLedger, type DirectOptions } from '../../../src/store/ledger/direct-ledger.ts';
import type { LedgerTable } from '../../../src/store/ledger/insert-entries.ts';
import { WalLedger, type WalOptions } from '../../../src/store/ledger/wal-ledger.ts';
import type { BarcodeRecord } from '../../../src/store/records.ts';
import { FakeDisk } from './fake-disk.ts';
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

export type Mode = 'wal' | 'sync' | 'memory';

/** A host: its PostgreSQL, its disk and the ledgers of its processes, of which one lives at a time. */
export class FakeHost {
  readonly clock = new ManualClock();
  readonly rows = new Map<string, BarcodeRecord>();
  readonly batches: number[] = [];
  readonly disk = new FakeDisk();
  readonly totals: Record<LedgerResult, number> = {
    written: 0,
    replayed: 0,
    dropped: 0,
    rejected: 0,
    refused: 0,
    damaged: 0,
  };
  readonly events: LedgerEvent[] = [];
  /** `lost-ack`: the rows are in, and the answer never arrives. */
  database: 'up' | 'down' | 'hanging' | 'lost-ack' | 'up-for-one-batch' = 'up';
  #life = 0;

  start(mode: Mode = 'wal', options: Partial<WalOptions & DirectOptions> = {}): Ledger {
    this.#life += 1;
    const life = this.#life;
    const shared = {
      table: this.#table(life),
      clock: this.clock,
      batchSize: 4,
      flushMs: 50,
      files: this.disk.filesOf(() => life === this.#life),
      owner: { name: `process-${life}`, isAlive: (name: string) => name === `process-${this.#life}` },
      whenFull: 'refuse' as const,
      onResult: (result: LedgerResult, count: number) => (this.totals[result] += count),
      onEvent: (event: LedgerEvent) => this.events.push(event),
      ...options,
    };
    if (mode !== 'wal') return new DirectLedger({ ...shared, mode });
    const atEndOfTurn = (callback: () => void): void =>
      void setImmediate(() => {
        if (life === this.#life) callback();
      });
    return new WalLedger({ fsyncMs: 200, maxBytes: 1024 ** 3, ...shared, atEndOfTurn });
  }

  /** kill -9: nothing that the ledger has begun ever ends, and nothing that it begins happens. */
  crash(): void {
    this.#life += 1;
  }

  #table(life: number): LedgerTable {
    const answer = async <T>(work: () => T): Promise<T> => {
      if (life !== this.#life || this.database === 'hanging') return never;
      if (this.database === 'down')
        throw new StoreError('unavailable', 'connection refused', 'ECONNREFUSED', undefined);
      const result = work();
      if (this.database === 'up-for-one-batch') this.database = 'down';
      return this.database === 'lost-ack' ? never : result;
    };
    return {
      insertMany: (records) =>
        answer(() => {
          if (records.some(({ text }) => text === POISON))
            throw new StoreError('rejected', 'bad value', '22021', undefined);
          this.batches.push(records.length);
          const fresh = records.filter(({ id }) => !this.rows.has(id));
          for (const one of records) {
            const row = this.rows.get(one.id);
            if (row === undefined) this.rows.set(one.id, one);
            else if (one.status === 'aborted') this.rows.set(one.id, { ...row, status: 'aborted' });
          }
          return fresh.length;
        }),
      setAborted: (ids) =>
        answer(() => {
          for (const id of ids) {
            const row = this.rows.get(id);
            if (row !== undefined) this.rows.set(id, { ...row, status: 'aborted' });
          }
        }),
    };
  }
}

/** Appends records, and what the ledger said of each, in time. */
export function append(host: FakeHost, ledger: Ledger, ...records: BarcodeRecord[]) {
  const fates: (string | undefined)[] = [];
  const told = (refusal: LedgerRefusal | undefined): void => void fates.push(refusal?.reason ?? 'kept');
  for (const one of records) void ledger.append(one).then(told);
  return host.clock.advance(0).then(() => fates);
}

/** Records with these numbers, the last one left out. */
export const range = (from: number, to: number): BarcodeRecord[] =>
  Array.from({ length: to - from }, (_, index) => record(from + index));

export async function close(host: FakeHost, ledger: Ledger): Promise<void> {
  const closed = ledger.close();
  await host.clock.advance(10_000);
  await closed;
}

/** The process is gone, PostgreSQL is there, and another process has had time to take over what the disk has. */
export async function takeOver(host: FakeHost, options: Partial<WalOptions> = {}): Promise<void> {
  host.crash();
  host.database = 'up';
  host.start('wal', options);
  await host.clock.advance(3_000);
}
