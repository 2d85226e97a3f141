import { StoreError } from '../store/errors.ts';
import type { AdminProblem } from './admin-change.ts';
import type { AdminRequest } from './admin-request.ts';

export interface StoreEndpoint<Part> {
  /** The part of the store that it needs; undefined on a host without a database. */
  readonly part: (request: AdminRequest) => Part | undefined;
  /** Why this host has none. */
  readonly missing: string;
  /** In an error: `the keys`. */
  readonly what: string;
}

type Answer = Promise<object | AdminProblem>;

/** Makes endpoints that need the database, which this host may not have, and which may be away. */
export const storeEndpoint =
  <Part>({ part, missing, what }: StoreEndpoint<Part>) =>
  (answer: (part: Part, request: AdminRequest) => Answer) =>
  async (request: AdminRequest): Answer => {
    const found = part(request);
    if (found === undefined) return { status: 501, reason: 'not-implemented', detail: missing };
    try {
      return await answer(found, request);
    } catch (error) {
      if (!(error instanceof StoreError) || error.reason === 'rejected') throw error;
      const detail = `PostgreSQL does not answer, so that ${what} cannot be read or changed`;
      return { status: 503, reason: 'store-unavailable', detail, retryAfterSeconds: 5 };
    }
  };
