import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { ZipWriter } from '../../core/zip-writer.ts';

/** Where the images go: a folder, or an archive that is made of a folder beside it when all are there. */
export class Output {
  readonly #target: string;
  readonly #folder: string;

  constructor(target: string) {
    this.#target = target;
    this.#folder = this.isArchive ? `${target}.parts` : target;
    mkdirSync(this.#folder, { recursive: true });
  }

  get isArchive(): boolean {
    return this.#target.toLowerCase().endsWith('.zip');
  }

  /** Whether an earlier run has made this file. */
  has(name: string): boolean {
    return existsSync(join(this.#folder, name));
  }

  /** A file is there whole or not at all, whatever happens meanwhile. */
  write(name: string, bytes: Uint8Array): void {
    const path = join(this.#folder, name);
    writeFileSync(`${path}.part`, bytes);
    renameSync(`${path}.part`, path);
  }

  /** Makes the archive of these files, in this order, and removes the folder. */
  pack(names: readonly string[]): void {
    const zip = new ZipWriter();
    const file = openSync(`${this.#target}.part`, 'w');
    try {
      for (const name of names) writeSync(file, zip.add(name, readFileSync(join(this.#folder, name))));
      writeSync(file, zip.end());
    } finally {
      closeSync(file);
    }
    renameSync(`${this.#target}.part`, this.#target);
    rmSync(this.#folder, { recursive: true });
  }
}
