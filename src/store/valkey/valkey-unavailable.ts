import { messageOf } from '../../core/errors.ts';

/**
 * `not-connected`: nothing was sent. `timeout`, `lost`: it was sent, and may still be executed. `refused`: Valkey has
 * answered with an error.
 */
type ValkeyReason = 'not-connected' | 'timeout' | 'lost' | 'refused';

/** Why Valkey did not do what it was asked. */
export class ValkeyUnavailable extends Error {
  readonly reason: ValkeyReason;

  constructor(reason: ValkeyReason, message: string) {
    super(message);
    this.name = 'ValkeyUnavailable';
    this.reason = reason;
  }
}

/** What was thrown, if it is a failure of Valkey; anything else is a bug, and counts as a lost call. */
export function valkeyFailure(error: unknown, onBug: (error: unknown) => void): ValkeyUnavailable {
  if (error instanceof ValkeyUnavailable) return error;
  onBug(error);
  return new ValkeyUnavailable('lost', messageOf(error));
}
