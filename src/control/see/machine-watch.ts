import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { machineCounts, type MachineCounts } from '../../core/machine-counts.ts';

/** How busy the processors of this machine are, read from one look to the next. */
export class MachineWatch {
  readonly processors = availableParallelism();
  #last: MachineCounts | undefined;

  /** The busy share since the previous look; undefined at the first one, and where /proc/stat cannot be read. */
  look(): number | undefined {
    const before = this.#last;
    this.#last = readCounts();
    if (before === undefined || this.#last === undefined) return undefined;
    const total = this.#last.total - before.total;
    return total <= 0 ? undefined : (this.#last.busy - before.busy) / total;
  }
}

/** Not on macOS, and not without free descriptors. */
function readCounts(): MachineCounts | undefined {
  try {
    return machineCounts(readFileSync('/proc/stat', 'utf8'));
  } catch {
    return undefined;
  }
}
