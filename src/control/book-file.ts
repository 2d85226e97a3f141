import { statSync } from 'node:fs';
import { join } from 'node:path';
import { loadJson, saveJson } from '../core/json-file.ts';
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
    return asBookState(loadJson(this.#path));
  }

  /** Throws the system's error. */
  save(state: BookState): void {
    saveJson(this.#path, state);
  }
}
