import type { Logger } from 'pino';
import { configHash, configWithFile, needsDatabase } from '../config/config.ts';
import type { ParsedConfigFile } from '../config/file-schema.ts';
import { parseConfigFile } from '../config/file.ts';
import type { Config } from '../config/model.ts';
import { withSharedParts } from '../config/shared-parts.ts';
import { readSnapshot, snapshotPath } from '../config/snapshot.ts';
import { contentHash } from '../core/canonical-json.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import type { PreparedVersion } from '../gateway/prepare-version.ts';
import type { ConfigOrder, ConfigReport, ConfigVersion } from '../protocol/config-wire.ts';
import type { ById } from '../protocol/lease-wire.ts';

export interface WorkerConfigOptions {
  /** The file that the worker has started with. */
  readonly file: ParsedConfigFile;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly runFolder: string;
  readonly log: Logger;
  readonly gateway: {
    readonly config: Config;
    prepareConfig(config: Config, number: number): PreparedVersion;
    useVersionNumber(number: number): void;
  };
  readonly held: () => Readonly<Record<string, ById>>;
  readonly tell: (report: ConfigReport) => void;
}

/** The version of the configuration that a worker serves, and the next one as control orders it. */
export class WorkerConfig {
  readonly #options: WorkerConfigOptions;
  readonly #known = Promise.withResolvers<void>();
  #fileHash: string;
  #number: number | undefined;
  #prepared: { readonly version: ConfigVersion; readonly built: PreparedVersion } | undefined;

  constructor(options: WorkerConfigOptions) {
    this.#options = options;
    this.#fileHash = contentHash(options.file);
  }

  get fileHash(): string {
    return this.#fileHash;
  }

  /** Resolves when control has told which version is in force, and the worker serves it. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** For `/api/status`. */
  status(): { readonly version: number | null; readonly hash: string } {
    return { version: this.#number ?? null, hash: this.#fileHash };
  }

  carryOut(order: ConfigOrder): void {
    const { version } = order;
    if (order.type === 'config-prepare') {
      this.#options.tell({ type: 'config-prepared', version, problems: this.#prepare(version, order.file) });
    } else if (order.type === 'config-abandon') this.#abandon();
    else if (order.type === 'config-commit') this.#commit(version);
    else this.#use(version, order.file);
  }

  /**
   * Control is gone between the two steps of a change: what it has decided is in the snapshot, which it writes before it
   * tells any worker.
   */
  lost(): void {
    if (this.#prepared === undefined) return;
    const decided = readSnapshot(snapshotPath(this.#options.runFolder))?.version;
    if (decided !== undefined && decided.hash === this.#prepared.version.hash) this.#commit(decided);
    else this.#abandon();
  }

  /** The version in force, as control tells a worker that has connected. */
  #use(version: ConfigVersion, file: unknown): void {
    if (file !== undefined && version.hash !== this.#fileHash) {
      const problems = this.#prepare(version, file);
      if (problems.length === 0) this.#commit(version);
      else {
        this.#options.log.error(
          { version: version.number, problems },
          'this worker cannot use the configuration in force',
        );
        this.#options.tell({ type: 'config-prepared', version, problems });
      }
    } else {
      this.#number = version.number;
      this.#options.gateway.useVersionNumber(version.number);
      if (file !== undefined) this.#confirm(version);
    }
    this.#known.resolve();
  }

  /** Why this worker cannot use the version; nothing of it is in force. */
  #prepare(version: ConfigVersion, value: unknown): string[] {
    this.#abandon();
    const { gateway, env, folder } = this.#options;
    const { file, problems } = parseConfigFile(value, 'the configuration');
    if (problems.length > 0) return [...problems];
    try {
      const config = withSharedParts(configWithFile(env, file, folder, 'use it'), gateway.config);
      if (needsDatabase(config) && !needsDatabase(gateway.config)) {
        return ['it needs the database, and this worker was started without it: restart Rampart'];
      }
      this.#prepared = { version, built: gateway.prepareConfig(config, version.number) };
      return [];
    } catch (error) {
      if (error instanceof UsageError) return [...error.problems];
      this.#options.log.error({ err: error }, 'a version of the configuration cannot be built');
      return [`it cannot be built: ${messageOf(error)}`];
    }
  }

  #commit(version: ConfigVersion): void {
    const prepared = this.#prepared;
    if (prepared?.version.number !== version.number) return;
    this.#prepared = undefined;
    prepared.built.commit();
    this.#fileHash = version.hash;
    this.#number = version.number;
    this.#confirm(version);
  }

  #confirm(version: ConfigVersion): void {
    const { gateway, held, tell } = this.#options;
    tell({ type: 'config-committed', version, configHash: configHash(gateway.config), held: held() });
  }

  #abandon(): void {
    this.#prepared?.built.abandon();
    this.#prepared = undefined;
  }
}
