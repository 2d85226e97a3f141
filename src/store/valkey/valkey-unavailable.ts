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
