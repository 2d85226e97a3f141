import { uuidv7, uuidv7Time } from '../../src/core/ids.ts';
import type { BarcodeRecord } from '../../src/store/records.ts';
import type { Store } from '../../src/store/store.ts';

/** A record of a key; its time is that of its id. */
export function recordOf(keyId: string, createdAtMs: number, change: Partial<BarcodeRecord> = {}): BarcodeRecord {
  const id = change.id ?? uuidv7(createdAtMs);
  return {
    id,
    keyId,
    symbology: 'code128',
    format: 'svg',
    text: 'ABC-1234',
    bytes: Buffer.from('<svg/>'),
    status: 'delivered',
    requestId: 'f00d',
    createdAtMs: uuidv7Time(id) ?? createdAtMs,
    ...change,
  };
}

export interface SteadyWriter {
  /** The ids that were stored. */
  readonly stored: string[];
  /** Why inserts failed. */
  readonly failures: unknown[];
  stop(): Promise<void>;
}

/** Inserts records of now, one after the other, until it is stopped. */
export function startWriter(store: Store, keyId: string): SteadyWriter {
  const stored: string[] = [];
  const failures: unknown[] = [];
  const stopped = new AbortController();
  const write = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const records = Array.from({ length: 10 }, () => recordOf(keyId, Date.now()));
      try {
        await store.barcodes.insertMany(records);
        stored.push(...records.map(({ id }) => id));
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const running = write();
  return {
    stored,
    failures,
    async stop() {
      stopped.abort();
      await running;
    },
  };
}
