import { StoreError } from '../../store/errors.ts';
import { Refusal } from '../refusal.ts';

/** The refusal for a database that did not do what was asked; anything else that was thrown is a bug, and stays one. */
export function storeRefusal(error: unknown): Refusal {
  if (error instanceof StoreError) {
    return new Refusal('store-unavailable', 'the database does not answer', { retryAfterSeconds: 1 });
  }
  throw error;
}
