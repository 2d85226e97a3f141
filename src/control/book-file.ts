import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asBookState, type BookState } from './metrics-book.ts';

const NAME = 'metrics.json';

/** The file that keeps the counters of ended processes, so that they outlive control too. */
export class BookFile {
  readonly #path: string;
  /** When the previous control saved the file last, in milliseconds since the epoch; undefined if there is no file. */
  readonly savedAtMs: number | undefined;

  constructor(runFolder: string) {
    this.#path = join(runFolder, NAME);
    this.savedAtMs = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs;
  }

  /** Undefined if the file cannot be read or has another shape: control must start, even if its counters start at zero. */
  load(): BookState | undefined {
    let value: unknown;
    try {
      value = JSON.parse(readFileSync(this.#path, 'utf8'));
    } catch {
      return undefined;
    }
    return asBookState(value);
  }

  /** Throws the system's error. */
  save(state: BookState): void {
    writeFileSync(`${this.#path}.new`, JSON.stringify(state), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}
