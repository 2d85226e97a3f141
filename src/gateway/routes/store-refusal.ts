import { StoreError } from '../../store/errors.ts';
import { Refusal } from '../refusal.ts';

/** The refusal for a failure of the database; any other exception is a bug and is thrown again. */
export function storeRefusal(error: unknown): Refusal {
  if (error instanceof StoreError) {
    return new Refusal('store-unavailable', 'the database does not answer', { retryAfterSeconds: 1 });
  }
  throw error;
}
