import type { Entry } from './entry.ts';

/** The slots of stored replies by their groups, because a change of a group must not look at every stored reply. */
export class GroupIndex {
  readonly #slotKeys = new Map<string, Set<string>>();

  add(slotKey: string, { groups }: Entry): void {
    for (const group of groups) {
      const known = this.#slotKeys.get(group);
      if (known === undefined) this.#slotKeys.set(group, new Set([slotKey]));
      else known.add(slotKey);
    }
  }

  remove(slotKey: string, { groups }: Entry): void {
    for (const group of groups) {
      const known = this.#slotKeys.get(group);
      if (known?.delete(slotKey) === true && known.size === 0) this.#slotKeys.delete(group);
    }
  }

  slotKeysOf(group: string): string[] {
    return [...(this.#slotKeys.get(group) ?? [])];
  }
}
