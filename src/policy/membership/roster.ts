import type { BackendConfig } from '../../protocol/backends.ts';

/** The state from which a roster is restored after control has ended. */
export interface RosterState {
  /** Announced, and not withdrawn. */
  readonly announced: readonly BackendConfig[];
  /** Ids of configured members that have left. */
  readonly left: readonly string[];
}

interface RosterEntry {
  member: BackendConfig;
  /** The processes that announce it: two while one replaces the other on the same port. */
  readonly processes: Set<string>;
  /** Since when no process announces it; undefined if one does, or if none ever has. */
  absentSince: number | undefined;
}

/**
 * How long a member stays after its process has ended without withdrawing, because the process is probably restarted.
 */
const ABSENCE_LIMIT_MS = 10 * 60_000;

/**
 * The backends of one upstream that processes announce themselves.
 *
 * The configured ones are members from the start, so that backends which announce nothing are used too. A member leaves
 * when the last process that announced it withdraws, or has been absent for ten minutes. A member that crashes stays,
 * because its failing health check must be visible to alerts until it is back.
 */
export class Roster {
  readonly #configured: ReadonlySet<string>;
  readonly #entries = new Map<string, RosterEntry>();
  readonly #left: Set<string>;

  constructor(configured: readonly BackendConfig[], saved: RosterState, now: number) {
    this.#configured = new Set(configured.map(({ id }) => id));
    this.#left = new Set(saved.left.filter((id) => this.#configured.has(id)));
    for (const member of configured) {
      if (!this.#left.has(member.id)) this.#add(member, undefined);
    }
    for (const member of saved.announced) this.#add(member, now);
  }

  /** In a stable order: the configured ones, then the others in order of arrival. */
  members(): BackendConfig[] {
    return [...this.#entries.values()].map(({ member }) => member);
  }

  state(): RosterState {
    const announced = [...this.#entries.values()].filter(
      ({ processes, absentSince }) => processes.size > 0 || absentSince !== undefined,
    );
    return { announced: announced.map(({ member }) => member), left: [...this.#left] };
  }

  /** A process announces that it serves as this backend. Returns whether the members have changed. */
  announce(process: string, member: BackendConfig): boolean {
    const known = this.#entries.get(member.id);
    const entry = known ?? this.#add(member, undefined);
    const isSame = known?.member.origin === member.origin;
    entry.member = member;
    entry.processes.add(process);
    entry.absentSince = undefined;
    this.#left.delete(member.id);
    return !isSame;
  }

  /** A process announces that it is about to end. Returns whether the members have changed. */
  withdraw(process: string): boolean {
    return this.#without(process, (id) => this.#remove(id));
  }

  /** The connection of a process is gone. The process may come back, or another may replace it. */
  lost(process: string, now: number): void {
    this.#without(process, (_id, entry) => (entry.absentSince = now));
  }

  /** Removes members that have been absent for too long. Returns whether the members have changed. */
  expire(now: number): boolean {
    const before = this.#entries.size;
    for (const [id, { absentSince }] of this.#entries) {
      if (absentSince !== undefined && now - absentSince >= ABSENCE_LIMIT_MS) this.#remove(id);
    }
    return this.#entries.size !== before;
  }

  /** Calls `last` for each member that only this process announced. Returns whether there was one. */
  #without(process: string, last: (id: string, entry: RosterEntry) => void): boolean {
    let found = false;
    for (const [id, entry] of this.#entries) {
      if (!entry.processes.delete(process) || entry.processes.size > 0) continue;
      last(id, entry);
      found = true;
    }
    return found;
  }

  #add(member: BackendConfig, absentSince: number | undefined): RosterEntry {
    const entry = { member, processes: new Set<string>(), absentSince };
    this.#entries.set(member.id, entry);
    return entry;
  }

  #remove(id: string): void {
    this.#entries.delete(id);
    if (this.#configured.has(id)) this.#left.add(id);
  }
}
