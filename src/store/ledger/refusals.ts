import type { LedgerRefusal } from '../ledger.ts';

export const closedRefusal: LedgerRefusal = { reason: 'store-unavailable', detail: 'this worker is stopping' };
export const unavailableRefusal: LedgerRefusal = { reason: 'store-unavailable', detail: 'PostgreSQL is unavailable' };
export const rejectedRefusal: LedgerRefusal = {
  reason: 'store-unavailable',
  detail: 'PostgreSQL does not take this record',
};
export const noPlaceRefusal: LedgerRefusal = {
  reason: 'store-unavailable',
  detail: "the record cannot be kept: this host's disk failed, and PostgreSQL is unavailable",
};
export const memoryFullRefusal: LedgerRefusal = {
  reason: 'ledger-full',
  detail: 'too many records wait in memory for PostgreSQL',
};
export const diskFullRefusal = (maxBytes: number): LedgerRefusal => ({
  reason: 'ledger-full',
  detail: `the records on this host's disk have reached LEDGER_MAX_BYTES (${maxBytes} bytes)`,
});
