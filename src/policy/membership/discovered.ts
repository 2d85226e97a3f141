import type { BackendConfig } from '../../protocol/backends.ts';

/** One backend in an answer. */
export interface FoundBackend {
  readonly address: string;
  readonly port: number;
  /** Of SRV records (RFC 2782): those with the lowest are used while one of them is up. */
  readonly priority: number;
}

/** An upstream that follows an answer without bound would end a host. */
export const MOST_BACKENDS = 256;

interface Known {
  readonly backend: BackendConfig;
  absent: number;
}

/** The backends of an upstream as DNS or a cluster names them. An empty answer changes nothing, because it is most often a fault. */
export class Discovered {
  readonly #scheme: 'http' | 'https';
  readonly #known = new Map<string, Known>();
  readonly #absentAnswers: number;

  /** A backend leaves when it was absent from `absentAnswers` in a row, because some DNS servers answer with only a part of the records. */
  constructor(scheme: 'http' | 'https', saved: readonly BackendConfig[], absentAnswers = 2) {
    this.#scheme = scheme;
    this.#absentAnswers = absentAnswers;
    for (const backend of saved) this.#known.set(backend.id, { backend, absent: 0 });
  }

  /** In order of their ids, so that answers in another order are the same list. */
  get backends(): BackendConfig[] {
    return [...this.#known.values()].map(({ backend }) => backend).sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  /** Takes an answer; returns whether the backends have changed. */
  answered(found: readonly FoundBackend[]): boolean {
    if (found.length === 0) return false;
    const lowest = Math.min(...found.map(({ priority }) => priority));
    const wanted = new Map(found.map((one) => [idOf(one), this.#backendOf(one, one.priority > lowest)]));
    let hasChanged = false;
    for (const [id, known] of this.#known) {
      if (wanted.has(id)) known.absent = 0;
      else if (++known.absent >= this.#absentAnswers) hasChanged = this.#known.delete(id) || hasChanged;
    }
    for (const [id, backend] of wanted) {
      const known = this.#known.get(id);
      if (known === undefined && this.#known.size >= MOST_BACKENDS) continue;
      if (known !== undefined && isSame(known.backend, backend)) continue;
      this.#known.set(id, { backend, absent: 0 });
      hasChanged = true;
    }
    return hasChanged;
  }

  #backendOf(found: FoundBackend, isBackup: boolean): BackendConfig {
    const id = idOf(found);
    return { id, origin: new URL(`${this.#scheme}://${id}`).origin, ...(isBackup && { isBackup }) };
  }
}

/** Of two with the same id: another scheme makes another origin. */
const isSame = (left: BackendConfig, right: BackendConfig): boolean =>
  left.origin === right.origin && (left.isBackup ?? false) === (right.isBackup ?? false);

const idOf = ({ address, port }: FoundBackend): string => `${address.includes(':') ? `[${address}]` : address}:${port}`;
