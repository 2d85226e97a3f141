import type { FleetStanding } from '../../protocol/messages.ts';

/** How long a worker that starts is not ready because its host has no lease yet. */
const PATIENCE_MS = 2000;

/**
 * When the permits beyond a host's floors end. Each dispatch compares it with the clock, because a process that was stopped
 * goes on before its timers run.
 */
export class LeaseEnd {
  /** Of the clock of this process, in milliseconds. */
  at = Number.POSITIVE_INFINITY;
  /** Gives up the permits that have ended. */
  onEnd: (() => void) | undefined;
  #standing: FleetStanding = 'member';
  #patienceEndsAt: number | undefined;

  /** Control tells how the host stands in its fleet. */
  useStanding(standing: FleetStanding, now: number): void {
    this.#standing = standing;
    if (standing === 'new') this.#patienceEndsAt ??= now + PATIENCE_MS;
  }

  /** Why no requests should be sent to this host; undefined if they may. Without Valkey a host that starts serves after two seconds. */
  unreadyBecause(now: number): string | undefined {
    if (this.#standing === 'superseded') return 'another process runs under the name that this host has in its fleet';
    const isWaiting = this.#standing === 'new' && now < (this.#patienceEndsAt ?? 0);
    return isWaiting ? 'this host has no lease in its fleet yet' : undefined;
  }

  check(now: number): void {
    if (now < this.at) return;
    this.at = Number.POSITIVE_INFINITY;
    this.onEnd?.();
  }
}
