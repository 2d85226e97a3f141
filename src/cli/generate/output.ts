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
import { ZipReader } from '../../core/zip-reader.ts';
import { ZipWriter } from '../../core/zip-writer.ts';

/** Two runs into one folder must not take each other's files. */
const partial = `.part-${process.pid}`;

/** Of one image in an archive. */
const MOST_IMAGE_BYTES = 64 * 1024 * 1024;

/** Where the images go: a folder, or an archive that is made of a folder beside it when all are there. */
export class Output {
  readonly #target: string;
  readonly #folder: string;
  /** The archive that an earlier run has made. */
  readonly #archive: ZipReader | undefined;
  readonly #archived: ReadonlySet<string>;

  constructor(target: string) {
    this.#target = target;
    this.#folder = this.isArchive ? `${target}.parts` : target;
    this.#archive = this.isArchive ? earlierArchive(target) : undefined;
    this.#archived = new Set(this.#archive?.names);
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
    return this.#archived.has(name) || existsSync(join(this.#folder, name));
  }

  /** A file is there whole or not at all, whatever happens meanwhile. */
  write(name: string, bytes: Uint8Array): void {
    const path = join(this.#folder, name);
    writeFileSync(`${path}${partial}`, bytes);
    renameSync(`${path}${partial}`, path);
  }

  /** Makes the archive of these files, in this order, unless it has them all, and removes the folder beside it. */
  finish(names: readonly string[]): void {
    if (!this.isArchive) return;
    if (!names.every((name) => this.#archived.has(name)) || this.#archive === undefined) this.#pack(names);
    rmSync(this.#folder, { recursive: true });
  }

  #pack(names: readonly string[]): void {
    const zip = new ZipWriter();
    const file = openSync(`${this.#target}${partial}`, 'w');
    try {
      for (const name of names) writeSync(file, zip.add(name, this.#bytesOf(name)));
      writeSync(file, zip.end());
    } finally {
      closeSync(file);
    }
    renameSync(`${this.#target}${partial}`, this.#target);
  }

  #bytesOf(name: string): Uint8Array {
    return this.#archive?.read(name, MOST_IMAGE_BYTES) ?? readFileSync(join(this.#folder, name));
  }
}

function earlierArchive(target: string): ZipReader | undefined {
  const found = statSync(target, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (found.isDirectory())
    throw new UsageError(
      `Cannot generate ${target}, as it is a folder: --out takes an archive with another name, or a folder`,
    );
  try {
    return new ZipReader(readFileSync(target));
  } catch {
    // None of ours, or one that is too large to be read at once: it is made again.
    return undefined;
  }
}
