import type { Snapshot } from '../metrics/instruments.ts';
import { asSnapshot } from '../protocol/message-check.ts';
import { cumulativeOnly, mergeSnapshots } from '../metrics/merge.ts';

/** The state from which a book is restored after control has died. */
export interface BookState {
  readonly ended: Snapshot;
  readonly members: Readonly<Record<string, Snapshot>>;
}

/**
 * The last report of every process of the host. The counts of a process stay in the sum when the process ends, so that no
 * counter goes backwards.
 */
export class MetricsBook {
  #ended: Snapshot;
  readonly #members = new Map<string, Snapshot>();

  /** Members of the previous control count as ended until they report again. */
  constructor(state: BookState = { ended: [], members: {} }) {
    this.#ended = state.ended;
    for (const [member, snapshot] of Object.entries(state.members)) this.#members.set(member, cumulativeOnly(snapshot));
  }

  update(member: string, snapshot: Snapshot): void {
    this.#members.set(member, snapshot);
  }

  /** A member has disconnected. It may reconnect with its counters, so these are kept apart from those of ended processes. */
  left(member: string): void {
    const last = this.#members.get(member);
    if (last !== undefined) this.#members.set(member, cumulativeOnly(last));
  }

  /** The process of a member has ended, and will report no more. */
  end(member: string): void {
    const last = this.#members.get(member);
    if (last === undefined) return;
    this.#members.delete(member);
    this.#ended = mergeSnapshots([this.#ended, cumulativeOnly(last)]);
  }

  /** The last report of a member. */
  reportOf(member: string): Snapshot | undefined {
    return this.#members.get(member);
  }

  /** Those of ended processes as one, and of each member. */
  snapshots(): Snapshot[] {
    return [this.#ended, ...this.#members.values()];
  }

  merged(...more: readonly Snapshot[]): Snapshot {
    return mergeSnapshots([...this.snapshots(), ...more]);
  }

  state(): BookState {
    return { ended: this.#ended, members: Object.fromEntries(this.#members) };
  }
}

/** The state if the value has its shape; undefined for anything else, such as the file of another version. */
export function asBookState(value: unknown): BookState | undefined {
  if (typeof value !== 'object' || value === null || !('ended' in value) || !('members' in value)) return undefined;
  const { ended, members } = value;
  if (typeof members !== 'object' || members === null || asSnapshot(ended) === undefined) return undefined;
  if (Object.values(members).some((snapshot) => asSnapshot(snapshot) === undefined)) return undefined;
  return value as BookState;
}
