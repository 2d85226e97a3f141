import type { AttemptCancelled } from './attempt-error.ts';

/** Something that a layer waits for, and that can be cancelled. */
export interface Cancellable {
  cancel(reason: AttemptCancelled): void;
}
