import type { Logger } from 'pino';
import type { Discovered, FoundBackend } from '../policy/membership/discovered.ts';
import type { BackendConfig } from '../protocol/backends.ts';

/** How a look at the source of an upstream's backends has ended. */
export type LookResult = 'answered' | 'empty' | 'failed';

export interface FindingsOptions {
  readonly upstream: string;
  /** The name under which the backends are looked for. */
  readonly name: string;
  readonly log: Logger;
  readonly note: (upstream: string, result: LookResult, backends: number) => void;
  readonly onChange: (upstream: string, backends: readonly BackendConfig[]) => void;
}

/** The backends that a source has named, and its last problem; known backends stay while the source fails. */
export class Findings {
  readonly #options: FindingsOptions;
  readonly #discovered: Discovered;
  #problem: string | undefined;

  constructor(options: FindingsOptions, discovered: Discovered) {
    this.#options = options;
    this.#discovered = discovered;
  }

  get backends(): readonly BackendConfig[] {
    return this.#discovered.backends;
  }

  status(): { name: string; backends: number; problem: string | null } {
    return { name: this.#options.name, backends: this.backends.length, problem: this.#problem ?? null };
  }

  /** `found`: undefined if nobody has answered. `problem`: why the answer cannot be used, or is not used whole. */
  take(found: readonly FoundBackend[] | undefined, problem: string | undefined): void {
    const { upstream, name, note, log } = this.#options;
    if (found !== undefined) this.use(found);
    const { backends } = this;
    const isEmpty = found !== undefined && found.length === 0;
    note(upstream, found === undefined ? 'failed' : isEmpty ? 'empty' : 'answered', backends.length);
    if (problem === this.#problem) return;
    this.#problem = problem;
    const details = { upstream, name, backends: backends.length };
    if (problem === undefined) log.info(details, 'the backends of an upstream are found again');
    else log.warn({ ...details, problem }, 'the backends of an upstream cannot be found; the known ones stay in use');
  }

  /** Backends that became known between two looks. */
  use(found: readonly FoundBackend[]): void {
    if (this.#discovered.answered(found)) this.#options.onChange(this.#options.upstream, this.backends);
  }
}
