import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { configChanges } from '../../config/changes.ts';
import type { ParsedConfigFile } from '../../config/file-schema.ts';
import { parseConfigFile } from '../../config/file.ts';
import type { ConfigVersion } from '../../protocol/config-wire.ts';

/** A version of the configuration, with what came with it. */
export interface StoredVersion extends ConfigVersion {
  readonly atMs: number;
  readonly who: string;
  readonly why: string;
  /** The changes from the version before, as sentences. */
  readonly changes: readonly string[];
  /** The configuration that was in force. */
  readonly file: unknown;
}

const MOST_VERSIONS = 50;

const storedVersion: z.ZodType<StoredVersion> = z.object({
  number: z.int().min(1),
  hash: z.string(),
  atMs: z.number(),
  who: z.string(),
  why: z.string(),
  changes: z.array(z.string()),
  file: z.unknown(),
});

const NAME = /^version-(\d{1,9})\.json$/;

/** The last fifty versions of the configuration of a host, on disk. */
export class ConfigHistory {
  readonly #folder: string;

  /** `folder`: made if it is not there. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** The numbers of the versions that are kept, the oldest first. */
  numbers(): number[] {
    const names = readdirSync(this.#folder);
    return names
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((left, right) => left - right);
  }

  /** Undefined if the version is not kept, or its file cannot be read. */
  find(number: number): StoredVersion | undefined {
    try {
      return storedVersion.safeParse(JSON.parse(readFileSync(this.#pathOf(number), 'utf8'))).data;
    } catch {
      return undefined;
    }
  }

  latest(): StoredVersion | undefined {
    return this.numbers()
      .toReversed()
      .map((number) => this.find(number))
      .find((version) => version !== undefined);
  }

  /** The version of a start: the same as before it, if the configuration is the same. Throws the system's error. */
  numberAtStart(file: ParsedConfigFile, hash: string, atMs: number): ConfigVersion {
    const latest = this.latest();
    if (latest?.hash === hash) return { number: latest.number, hash };
    const number = (this.numbers().at(-1) ?? 0) + 1;
    const before = latest === undefined ? undefined : parseConfigFile(latest.file, '');
    // An earlier version of Rampart may have known other settings.
    const changes = before?.problems.length === 0 ? configChanges(before.file, file).map(({ text }) => text) : [];
    this.add({ number, hash, atMs, who: 'start', why: '', changes, file });
    return { number, hash };
  }

  /** Keeps a version, and forgets the oldest one beyond fifty. Throws the system's error. */
  add(version: StoredVersion): void {
    const path = this.#pathOf(version.number);
    writeFileSync(`${path}.new`, JSON.stringify(version), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    const numbers = this.numbers();
    for (const number of numbers.slice(0, Math.max(0, numbers.length - MOST_VERSIONS))) {
      rmSync(this.#pathOf(number), { force: true });
    }
  }

  /** The version did not come into force. */
  remove(number: number): void {
    rmSync(this.#pathOf(number), { force: true });
  }

  #pathOf(number: number): string {
    return join(this.#folder, `version-${number}.json`);
  }
}
