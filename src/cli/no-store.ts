import type { BarcodeStore } from '../store/barcodes.ts';
import type { Ledger } from '../store/ledger.ts';

/** Of a gateway without generators: nothing is recorded, and no route asks for a record. */
const refuse = (): Promise<never> => Promise.reject(new Error('This gateway runs without a database'));

export const noBarcodes: BarcodeStore = { insertMany: refuse, get: refuse, getImage: refuse, list: refuse };

export const noLedger: Ledger = {
  append: () => {},
  pending: 0,
  find: () => undefined,
  flush: async () => {},
  close: async () => {},
};
