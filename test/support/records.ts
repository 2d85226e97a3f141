import assert from 'node:assert/strict';
import { uuidv7, uuidv7Time } from '../../src/core/ids.ts';
import { hashOfKey } from '../../src/store/keys.ts';
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

/** Everything that a worker does: keys by SQL and by Prisma, records, lists, exports. */
export async function storeWorks(store: Store): Promise<void> {
  const now = Date.now();
  const expiresAtMs = now + 3_600_000;
  const { record: key, text } = await store.keys.create('kind', { expiresAtMs });
  const found = await store.keys.findByHash(hashOfKey(text));
  assert.deepEqual(found, key);
  assert.deepEqual(await store.keys.list(), [key], 'Prisma reads what SQL has written');
  assert.equal(key.expiresAtMs, expiresAtMs);
  const revoked = await store.keys.revoke(key.id);
  assert.ok(revoked.kind === 'changed');
  const again = await store.keys.findByHash(hashOfKey(text));
  assert.equal(again?.revokedAtMs, revoked.record.revokedAtMs, 'SQL reads what Prisma has written');
  assert.ok(Math.abs((again?.revokedAtMs ?? 0) - Date.now()) < 60_000, 'it is an instant of now');
  const record = recordOf(key.id, now);
  assert.equal(await store.barcodes.insertMany([record]), 1);
  const { bytes: _, ...summary } = record;
  assert.deepEqual(await store.barcodes.get(key.id, record.id), summary);
  const page = await store.barcodes.list({ keyId: key.id, pageSize: 5 });
  assert.deepEqual(page.kind === 'page' && page.records, [summary]);
  const terms = { maxRows: 10, maxBytes: 1000, withImages: false, prefix: '' };
  const { lines } = await store.barcodes.exportPage({ keyId: key.id, ...terms }, new AbortController().signal);
  assert.equal((JSON.parse(lines) as { created_at: string }).created_at, new Date(record.createdAtMs).toISOString());
}
