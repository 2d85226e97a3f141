import type { BarcodeStore } from '../store/barcodes.ts';
import type { BatchStore } from '../store/batches/batches.ts';
import type { IdempotencyStore } from '../store/idempotency.ts';
import type { Ledger } from '../store/ledger.ts';

/** The store of a gateway without generators: no route records or reads anything. */
const refuse = (): Promise<never> => Promise.reject(new Error('This gateway runs without a database'));

export const noBarcodes: BarcodeStore = {
  insertMany: refuse,
  setAborted: refuse,
  get: refuse,
  getImage: refuse,
  list: refuse,
  exportPage: refuse,
};

export const noBatches: BatchStore = {
  accept: refuse,
  get: refuse,
  list: refuse,
  cancel: refuse,
  results: refuse,
  images: refuse,
};

export const noIdempotency: IdempotencyStore = { claim: refuse, complete: refuse, release: refuse };

export const noLedger: Ledger = {
  append: async () => undefined,
  aborted: () => {},
  refusal: () => undefined,
  pending: 0,
  find: () => undefined,
  isBehind: false,
  close: async () => {},
};
