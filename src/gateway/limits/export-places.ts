import type { Registry } from '../../metrics/instruments.ts';
import { Refusal } from '../refusal.ts';

/** Exports of a worker at a time: each may hold a page in memory while its client reads. */
const MAX_EXPORTS = 4;
/** Exports of one key at a time, so that no key takes all places. */
const MAX_PER_KEY = 2;

const tooMany = new Refusal('overloaded', 'too many exports are under way: let one end, or ask for it later', {
  retryAfterSeconds: 5,
});

/** Bounds how many exports are under way in a worker. */
export class ExportPlaces {
  readonly #byKey = new Map<string, number>();
  #taken = 0;

  constructor(registry: Registry) {
    const open = registry.gauge('rampart_exports', 'Exports of records under way', 'sum').of();
    registry.onSnapshot(() => open.set(this.#taken));
  }

  /** Runs an export if it finds a place, which it has until it ends. */
  async run<Result>(keyId: string, send: () => Promise<Result>): Promise<Result | Refusal> {
    const held = this.#byKey.get(keyId) ?? 0;
    if (this.#taken >= MAX_EXPORTS || held >= MAX_PER_KEY) return tooMany;
    this.#taken++;
    this.#byKey.set(keyId, held + 1);
    try {
      return await send();
    } finally {
      this.#taken--;
      const left = (this.#byKey.get(keyId) ?? 1) - 1;
      if (left > 0) this.#byKey.set(keyId, left);
      else this.#byKey.delete(keyId);
    }
  }
}
