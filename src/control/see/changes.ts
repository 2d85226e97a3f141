import type { HostChange } from '../../protocol/live-view.ts';

const KEPT = 500;
const RESTART_WINDOW_MS = 60_000;

type NewChange = Omit<HostChange, 'id' | 'who'> & { readonly who?: string | undefined };

/** What has changed on the host, the last few hundred changes. */
export class Changes {
  readonly #onChange: (change: HostChange) => void;
  #all: HostChange[] = [];
  #lastId = 0;

  constructor(onChange: (change: HostChange) => void) {
    this.#onChange = onChange;
  }

  /** Oldest first. */
  get all(): readonly HostChange[] {
    return this.#all;
  }

  add({ atMs, kind, text, who }: NewChange): void {
    const change: HostChange = { id: ++this.#lastId, atMs, kind, text, who: who ?? null };
    this.#all.push(change);
    if (this.#all.length > KEPT) this.#all = this.#all.slice(-KEPT);
    this.#onChange(change);
  }

  /** Takes up what was saved before. */
  restore(saved: readonly HostChange[]): void {
    this.#all = [...saved.slice(-KEPT), ...this.#all];
    this.#lastId = Math.max(this.#lastId, ...this.#all.map(({ id }) => id), 0);
  }
}

/** Counts how often processes come again. */
export class Restarts {
  readonly #pids = new Map<string, number>();
  readonly #at = new Map<string, number[]>();

  /** A process has connected; returns whether it replaces another one of its name. */
  joined(name: string, pid: number, nowMs: number): boolean {
    const before = this.#pids.get(name);
    this.#pids.set(name, pid);
    if (before === undefined || before === pid) return false;
    this.#at.set(name, [...this.#recent(name, nowMs), nowMs]);
    return true;
  }

  within(nowMs: number): { readonly name: string; readonly count: number }[] {
    return [...this.#at.keys()].flatMap((name) => {
      const { length: count } = this.#recent(name, nowMs);
      return count === 0 ? [] : [{ name, count }];
    });
  }

  #recent(name: string, nowMs: number): number[] {
    return (this.#at.get(name) ?? []).filter((atMs) => nowMs - atMs < RESTART_WINDOW_MS);
  }
}
