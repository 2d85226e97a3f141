import { join } from 'node:path';
import type { Logger } from 'pino';
import { type ConfigSnapshot, snapshotPath, writeSnapshot } from '../../config/snapshot.ts';
import { messageOf } from '../../core/errors.ts';
import { ConfigHistory, type StoredVersion } from './config-history.ts';
import { type ConfigLayers, saveLayers } from './config-layers.ts';

/** What a host keeps of its configuration on disk: its versions, the layers of the one in force, and the snapshot that workers read. */
export class ConfigDisk {
  readonly history: ConfigHistory;
  readonly #folder: string;
  readonly #snapshotPath: string;
  readonly #log: Logger;

  constructor({ dataDir, runFolder, log }: { dataDir: string; runFolder: string; log: Logger }) {
    this.#folder = join(dataDir, 'config');
    this.#snapshotPath = snapshotPath(runFolder);
    this.#log = log;
    this.history = new ConfigHistory(this.#folder);
  }

  /** Puts a version in force, whoever dies from here on. Returns why it cannot; then nothing of it is left. */
  decide(
    version: StoredVersion,
    snapshot: ConfigSnapshot,
    layers: ConfigLayers,
    before: ConfigLayers,
  ): string | undefined {
    try {
      this.history.add(version);
      saveLayers(this.#folder, layers);
      this.writeSnapshot(snapshot);
      return undefined;
    } catch (error) {
      this.history.remove(version.number);
      // A full disk may have taken the new layers, and not the version that they belong to.
      this.#attempt(() => saveLayers(this.#folder, before));
      return messageOf(error);
    }
  }

  /** The same configuration is made of other layers now. */
  keepLayers(layers: ConfigLayers, snapshot: ConfigSnapshot): void {
    this.#attempt(() => {
      saveLayers(this.#folder, layers);
      this.writeSnapshot(snapshot);
    });
  }

  /** Throws the system's error. */
  writeSnapshot(snapshot: ConfigSnapshot): void {
    writeSnapshot(this.#snapshotPath, snapshot);
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#log.warn({ err: error }, 'the layers of the configuration cannot be written down');
    }
  }
}
