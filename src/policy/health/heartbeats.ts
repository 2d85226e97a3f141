interface Watched {
  /** Time without a beat during which the watched process could have sent one. */
  silentMs: number;
  /** How long it had waited for a processor at the last check. */
  starvedMs: number;
}

/**
 * Distinguishes processes that hang from processes that are slow, by the beats that they send.
 *
 * Silence is added up check by check rather than taken from the clock. Two times do not count: the part of a gap
 * between checks beyond `intervalMs`, in which the watcher itself did not run (a suspended or very busy machine), and
 * the time during which the watched process was ready to run and got no processor.
 */
export class Heartbeats<Id> {
  readonly #limitMs: number;
  readonly #intervalMs: number;
  readonly #watched = new Map<Id, Watched>();
  #checkedAt: number | undefined;

  /** `limitMs`: longest silence. `intervalMs`: how often it is checked, with some tolerance. */
  constructor(limitMs: number, intervalMs: number) {
    this.#limitMs = limitMs;
    this.#intervalMs = intervalMs;
  }

  /** The first beat of a process begins its watch. */
  beat(id: Id): void {
    const watched = this.#watched.get(id);
    if (watched === undefined) this.#watched.set(id, { silentMs: 0, starvedMs: Number.POSITIVE_INFINITY });
    else watched.silentMs = 0;
  }

  forget(id: Id): void {
    this.#watched.delete(id);
  }

  /** The processes that hang. `starvedMs`: how long a process has waited for a processor since its start, in milliseconds. */
  check(now: number, starvedMs: (id: Id) => number): Id[] {
    const gapMs = Math.min(now - (this.#checkedAt ?? now), this.#intervalMs);
    this.#checkedAt = now;
    const hanging: Id[] = [];
    for (const [id, watched] of this.#watched) {
      const starved = starvedMs(id);
      watched.silentMs += Math.max(0, gapMs - Math.max(0, starved - watched.starvedMs));
      watched.starvedMs = starved;
      if (watched.silentMs > this.#limitMs) hanging.push(id);
    }
    return hanging;
  }
}
