/**
 * Chooses by the name that a client asks for (SNI, RFC 6066 §3): an exact name before a wildcard, which stands for
 * exactly one label (RFC 9525 §6.3). Names compare without case and without the dot at their end.
 */
export class ServerNames<Chosen> {
  readonly #exact = new Map<string, Chosen>();
  /** By what follows the star: `.example.com`. */
  readonly #wildcards = new Map<string, Chosen>();

  /** A name that several of them have belongs to the first. */
  constructor(entries: Iterable<readonly [names: readonly string[], chosen: Chosen]>) {
    for (const [names, chosen] of entries) {
      for (const name of names) {
        const plain = canonical(name);
        const isWildcard = plain.startsWith('*.');
        const table = isWildcard ? this.#wildcards : this.#exact;
        const key = isWildcard ? plain.slice(1) : plain;
        if (!table.has(key)) table.set(key, chosen);
      }
    }
  }

  find(name: string): Chosen | undefined {
    const plain = canonical(name);
    const dot = plain.indexOf('.');
    return this.#exact.get(plain) ?? (dot > 0 ? this.#wildcards.get(plain.slice(dot)) : undefined);
  }
}

function canonical(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
