import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Clock, Timer } from '../core/clock.ts';

/** Why a person keeps requests from a backend: until further notice, or for a while. */
export type HoldKind = 'drained' | 'ejected';

const heldBackend = z.object({
  upstream: z.string(),
  backend: z.string(),
  kind: z.enum(['drained', 'ejected']),
  /** By the wall clock, because the next control goes by it too; absent: until it is released. */
  untilMs: z.number().optional(),
});
type HeldBackend = z.output<typeof heldBackend>;

interface Hold extends HeldBackend {
  /** The cap that the backend gets back; undefined until a backend that was held by a previous control is there. */
  cap: number | undefined;
  /** It was released while the backend was away, and gets its cap when it is back. */
  isOver: boolean;
  timer: Timer | undefined;
}

export interface BackendHoldsOptions {
  readonly clock: Clock;
  /** The file from which the next control learns what is held. */
  readonly path: string;
  /** Undefined if there is no such backend. */
  readonly capOf: (upstream: string, backend: string) => number | undefined;
  readonly setCap: (upstream: string, backend: string, cap: number) => void;
  readonly warn: (message: string, details: Record<string, unknown>) => void;
}

/**
 * Backends that get no new requests because a person said so. Their cap is 0 meanwhile: workers give the permits back as
 * requests end, and no request is cut off.
 */
export class BackendHolds {
  readonly #options: BackendHoldsOptions;
  readonly #holds = new Map<string, Hold>();

  constructor(options: BackendHoldsOptions) {
    this.#options = options;
    for (const held of load(options.path)) {
      const leftMs = held.untilMs === undefined ? undefined : held.untilMs - options.clock.wallNow();
      if (leftMs !== undefined && leftMs <= 0) continue;
      this.#holds.set(nameOf(held.upstream, held.backend), {
        ...held,
        cap: undefined,
        isOver: false,
        timer: this.#timer(held, leftMs),
      });
    }
    this.apply();
  }

  kindOf(upstream: string, backend: string): HoldKind | undefined {
    const hold = this.#holds.get(nameOf(upstream, backend));
    return hold?.isOver === false ? hold.kind : undefined;
  }

  /** False if there is no such backend. */
  hold(upstream: string, backend: string, kind: HoldKind, forMs?: number): boolean {
    const { clock, capOf, setCap } = this.#options;
    const name = nameOf(upstream, backend);
    const known = this.#holds.get(name);
    const cap = known?.cap ?? capOf(upstream, backend);
    if (cap === undefined) return false;
    known?.timer?.cancel();
    const held = { upstream, backend, kind, ...(forMs !== undefined && { untilMs: clock.wallNow() + forMs }) };
    this.#holds.set(name, { ...held, cap, isOver: false, timer: this.#timer(held, forMs) });
    if (known === undefined) setCap(upstream, backend, 0);
    this.#save();
    return true;
  }

  /** False if it was not held. */
  release(upstream: string, backend: string): boolean {
    const name = nameOf(upstream, backend);
    const hold = this.#holds.get(name);
    if (hold === undefined || hold.isOver) return false;
    hold.timer?.cancel();
    hold.isOver = true;
    this.apply();
    this.#save();
    return true;
  }

  /** A held backend gets this cap when it is released; true if it is held, so that its present cap stays 0. */
  keepCap(upstream: string, backend: string, cap: number): boolean {
    const hold = this.#holds.get(nameOf(upstream, backend));
    if (hold === undefined || hold.isOver) return false;
    hold.cap = cap;
    return true;
  }

  /** Backends have come back, or the configuration or a change of all caps of an upstream has given caps to held ones. */
  apply(): void {
    const { capOf, setCap } = this.#options;
    for (const [name, hold] of this.#holds) {
      const { upstream, backend } = hold;
      const present = capOf(upstream, backend);
      if (present === undefined) continue;
      if (present > 0) hold.cap = present;
      if (hold.isOver) this.#holds.delete(name);
      const wanted = hold.isOver ? (hold.cap ?? present) : 0;
      if (wanted !== present) setCap(upstream, backend, wanted);
    }
  }

  stop(): void {
    for (const { timer } of this.#holds.values()) timer?.cancel();
  }

  #timer({ upstream, backend }: HeldBackend, forMs: number | undefined): Timer | undefined {
    if (forMs === undefined) return undefined;
    return this.#options.clock.setTimeout(() => void this.release(upstream, backend), forMs);
  }

  #save(): void {
    const { path, warn } = this.#options;
    const held = [...this.#holds.values()]
      .filter(({ isOver }) => !isOver)
      .map(({ upstream, backend, kind, untilMs }) => ({
        upstream,
        backend,
        kind,
        untilMs,
      }));
    try {
      writeFileSync(`${path}.new`, JSON.stringify(held), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      warn('which backends are drained cannot be written down: the next control would not know', { err: error });
    }
  }
}

const nameOf = (upstream: string, backend: string): string => `${upstream}\n${backend}`;

/** A file that is not there, cannot be read, or has another shape says that nothing is held. */
function load(path: string): readonly HeldBackend[] {
  try {
    return z.array(heldBackend).safeParse(JSON.parse(readFileSync(path, 'utf8'))).data ?? [];
  } catch {
    return [];
  }
}
