import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf, UsageError } from '../../core/errors.ts';
import { ZipWriter } from '../../core/zip-writer.ts';

/** Two runs into one folder must not take each other's files. */
const partial = `.part-${process.pid}`;

/** Where the images go: a folder, or an archive that is made of a folder beside it when all are there. */
export class Output {
  readonly #target: string;
  readonly #folder: string;

  constructor(target: string) {
    this.#target = target;
    this.#folder = this.isArchive ? `${target}.parts` : target;
    if (this.isArchive && statSync(target, { throwIfNoEntry: false })?.isDirectory() === true)
      throw new UsageError(
        `Cannot generate ${target}, as it is a folder: --out takes an archive with another name, or a folder`,
      );
    try {
      mkdirSync(this.#folder, { recursive: true });
    } catch (error) {
      throw new UsageError(`Cannot generate into ${this.#folder}: ${messageOf(error)}`);
    }
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
    writeFileSync(`${path}${partial}`, bytes);
    renameSync(`${path}${partial}`, path);
  }

  /** Makes the archive of these files, in this order, and removes the folder. */
  pack(names: readonly string[]): void {
    const zip = new ZipWriter();
    const file = openSync(`${this.#target}${partial}`, 'w');
    try {
      for (const name of names) writeSync(file, zip.add(name, readFileSync(join(this.#folder, name))));
      writeSync(file, zip.end());
    } finally {
      closeSync(file);
    }
    renameSync(`${this.#target}${partial}`, this.#target);
    rmSync(this.#folder, { recursive: true });
  }
}
