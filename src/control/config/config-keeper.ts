import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { ParsedConfigFile } from '../../config/file-schema.ts';
import type { Config } from '../../config/model.ts';
import { overridesBetween } from '../../config/overrides.ts';
import type { ConfigSnapshot } from '../../config/snapshot.ts';
import { contentHash } from '../../core/canonical-json.ts';
import type { Clock } from '../../core/clock.ts';
import { UsageError } from '../../core/errors.ts';
import type { Registry } from '../../metrics/instruments.ts';
import type { ConfigVersion } from '../../protocol/config-wire.ts';
import { checkChange } from './change-checks.ts';
import {
  type ChangeRequest,
  type FleetTies,
  isCurrent,
  type ReloadRefusal,
  type ReloadResult,
} from './change-request.ts';
import { ChangeLog } from './change-log.ts';
import { ConfigDisk } from './config-disk.ts';
import type { ConfigHistory, StoredVersion } from './config-history.ts';
import { type ConfigLayers, type EffectiveConfig, effectiveOf } from './config-layers.ts';
import type { ConfigSource } from './config-source.ts';
import { nameOf, preparationProblems, type Rollout, type StepResult } from './rollout.ts';

export interface ConfigKeeperOptions {
  readonly config: Config;
  readonly file: ParsedConfigFile;
  /** What `file` is made of. */
  readonly layers: ConfigLayers;
  readonly source: ConfigSource;
  readonly runFolder: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly rollout: Rollout;
  /** Undefined where there is no fleet. */
  readonly fleet?: () => FleetTies | undefined;
  /** Why this host could not start with a configuration, if its file stays as it is. */
  readonly startProblems?: (config: Config) => Promise<readonly string[]>;
  /** The version is decided: control takes it over at once. */
  readonly onCommit: (config: Config, version: ConfigVersion) => void;
  /** The workers have confirmed, or had their time. */
  readonly onSettled: (result: StepResult) => void;
  /** A change has been asked for, and this became of it. */
  readonly onResult: (request: ChangeRequest, result: ReloadResult) => void;
}

/** A message of this length would be taken for a fault (protocol/lines.ts). */
const MOST_CHARACTERS = 3 * 1024 * 1024;

/** The configuration of a host: which version is in force, and how another one takes its place. */
export class ConfigKeeper {
  readonly #options: ConfigKeeperOptions;
  readonly #disk: ConfigDisk;
  readonly #log: ChangeLog;
  #config: Config;
  #file: ParsedConfigFile;
  #layers: ConfigLayers;
  #version: ConfigVersion;
  #since: number;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ConfigKeeperOptions) {
    this.#options = options;
    const { config, file, layers, registry, clock, log } = options;
    this.#disk = new ConfigDisk({ ...options, dataDir: config.dataDir });
    this.#layers = layers;
    this.#config = config;
    this.#file = file;
    this.#since = clock.wallNow();
    this.#version = { number: 0, hash: contentHash(file) };
    this.#log = new ChangeLog({ clock, log, registry });
  }

  /** Numbers the configuration of the start; no other control may be running. */
  begin(): void {
    const { clock, log } = this.#options;
    try {
      this.#version = this.history.numberAtStart(this.#file, this.#version.hash, clock.wallNow());
    } catch (error) {
      log.warn({ err: error }, 'the version of the configuration cannot be written down');
      this.#version = { ...this.#version, number: this.#nextNumber() };
    }
    this.#log.inForce(this.#version);
    this.#disk.writeSnapshot(this.#snapshot);
  }

  /** The versions that are kept. */
  get history(): ConfigHistory {
    return this.#disk.history;
  }

  get version(): ConfigVersion {
    return this.#version;
  }

  /** The configuration in force, as a worker gets it. */
  get file(): ParsedConfigFile {
    return this.#file;
  }

  /** When it came into force, in milliseconds since the epoch. */
  get sinceMs(): number {
    return this.#since;
  }

  /** Why the configuration that somebody wants is not in force; undefined if it is. */
  get refusal(): string | undefined {
    return this.#log.refusal;
  }

  get layers(): ConfigLayers {
    return this.#layers;
  }

  /** For `/api/status`. */
  status(): Record<string, unknown> {
    const { number, hash } = this.#version;
    return {
      version: number,
      version_hash: hash,
      since: new Date(this.#since).toISOString(),
      ...this.#log.status(),
    };
  }

  /**
   * Puts the configuration file as it is now in force, or `given` in its place; resolves when it is, or when nothing has
   * changed.
   */
  reload(request: ChangeRequest, given?: ParsedConfigFile): Promise<ReloadResult> {
    return this.#inTurn(request, async () => {
      const { file, problems } =
        given === undefined ? await this.#options.source.read() : { file: given, problems: [] };
      if (problems.length > 0) return this.#refused('invalid', problems);
      return this.#change(effectiveOf({ ...this.#layers, base: file }), request);
    });
  }

  /** Sets values beside the file. `edit` makes the wanted configuration from the one in force, or throws a UsageError. */
  override(edit: (file: ParsedConfigFile) => unknown, request: ChangeRequest): Promise<ReloadResult> {
    return this.#inTurn(request, async () => {
      const { base, overrides: known } = this.#layers;
      const made = { who: request.who, atMs: this.#options.clock.wallNow(), persist: request.persist ?? false };
      try {
        const wanted = edit(structuredClone(this.#file));
        const overrides = overridesBetween(base, wanted, made, known);
        return await this.#change(effectiveOf({ base, overrides, pin: undefined }), request);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        return this.#refused('not-found', [error.message]);
      }
    });
  }

  /** Puts an earlier version in force again, until the configuration file changes. */
  rollback(number: number, request: ChangeRequest): Promise<ReloadResult> {
    return this.#inTurn(request, async () => {
      const stored: StoredVersion | undefined = this.history.find(number);
      if (stored === undefined) {
        const kept = this.history.numbers();
        return this.#refused('not-found', [`version ${number} is not kept; these are: ${kept.join(', ')}`]);
      }
      const { base } = this.#layers;
      const pin = { version: number, baseHash: contentHash(base), file: stored.file };
      return this.#change(effectiveOf({ base, overrides: [], pin }), request);
    });
  }

  /** One change at a time: each is compared with what the one before has left. */
  #inTurn(request: ChangeRequest, work: () => Promise<ReloadResult>): Promise<ReloadResult> {
    const result = this.#turn.then(() => {
      if (isCurrent(request.ifMatch, this.#version)) return work();
      return this.#refused('stale', [`the configuration has changed: version ${this.#version.number} is in force`]);
    });
    this.#turn = result.catch(() => {});
    return result.then((done) => {
      this.#log.note(request, done);
      this.#options.onResult(request, done);
      return done;
    });
  }

  async #change(effective: EffectiveConfig, request: ChangeRequest): Promise<ReloadResult> {
    const { source } = this.#options;
    const { file, layers } = effective;
    if (effective.problems.length > 0) return this.#refused('invalid', effective.problems);
    const hash = contentHash(file);
    const remarks = [...effective.remarks, ...source.environmentRemarks()];
    const ties = request.trial === true ? undefined : this.#options.fleet?.();
    const departure = ties?.departure(hash);
    const noted = departure === undefined ? remarks : [...remarks, departure];
    if (hash === this.#version.hash) {
      if (request.dryRun !== true) this.#keepLayers(layers);
      return { ...this.#version, outcome: 'unchanged', changes: [], problems: [], remarks: noted };
    }
    const built = source.build(file, this.#config);
    if (built.config === undefined) return this.#refused('invalid', built.problems);
    const { changes, isLater, refusal } = await checkChange({
      before: this.#file,
      after: file,
      config: built.config,
      request,
      startProblems: this.#options.startProblems,
      restartAdvice: ties?.restartAdvice(hash),
    });
    if (refusal !== undefined) {
      const plan = { changes, remarks: [...built.remarks(), ...remarks] };
      return this.#refused(refusal.reason, refusal.problems, plan);
    }
    const plan = {
      changes,
      // Made where they are read: a remark compares each route with all others.
      get remarks(): readonly string[] {
        return [...built.remarks(), ...noted];
      },
    };
    // Workers cannot build beside the version in force what only a new process can use.
    if (isLater || (request.dryRun === true && request.trial !== true))
      return { ...this.#version, outcome: 'checked', problems: [], ...plan };
    return this.#rollOut({ config: built.config, file, layers, hash }, plan, request);
  }

  async #rollOut(
    { config, file, layers, hash }: Candidate,
    plan: Pick<ReloadResult, 'changes' | 'remarks'>,
    { who, why = '', trial = false }: ChangeRequest,
  ): Promise<ReloadResult> {
    const { rollout, clock, onCommit, onSettled } = this.#options;
    if (JSON.stringify(file).length > MOST_CHARACTERS) {
      return this.#refused('invalid', [`the configuration has more than ${MOST_CHARACTERS} characters of JSON`], plan);
    }
    const version = { number: this.#nextNumber(), hash };
    const preparing = rollout.prepare(version, file);
    // While the workers are at it.
    const { remarks } = plan;
    const problems = preparationProblems(await preparing);
    if (problems.length > 0 || trial) rollout.abandon(version);
    if (problems.length > 0) return this.#refused('workers', problems, plan);
    if (trial) return { ...this.#version, outcome: 'checked', problems: [], changes: plan.changes, remarks };
    const atMs = clock.wallNow();
    const stored = { ...version, atMs, who, why, changes: plan.changes.map(({ text }) => text), file };
    const unwritten = this.#disk.decide(stored, { file, base: layers.base, version }, layers, this.#layers);
    if (unwritten !== undefined) {
      rollout.abandon(version);
      return this.#refused('storage', [`the version cannot be written to disk: ${unwritten}`], plan);
    }
    this.#config = config;
    this.#file = file;
    this.#layers = layers;
    this.#version = version;
    this.#since = atMs;
    this.#log.inForce(version);
    const committing = rollout.commit(version, file);
    onCommit(config, version);
    const settled = await committing;
    onSettled(settled);
    const late = settled.silent.map(
      (worker) => `${nameOf(worker)} has not confirmed the version within 2 s; it takes it before it serves again`,
    );
    return { ...version, outcome: 'applied', problems: [], changes: plan.changes, remarks: [...remarks, ...late] };
  }

  /** The same configuration may be made of other layers now. */
  #keepLayers(layers: ConfigLayers): void {
    if (isDeepStrictEqual(layers, this.#layers)) return;
    this.#layers = layers;
    this.#disk.keepLayers(layers, this.#snapshot);
  }

  get #snapshot(): ConfigSnapshot {
    return { file: this.#file, base: this.#layers.base, version: this.#version };
  }

  #refused(
    reason: ReloadRefusal,
    problems: readonly string[],
    plan: Partial<Pick<ReloadResult, 'changes' | 'remarks'>> = {},
  ): ReloadResult {
    const { changes = [], remarks = [] } = plan;
    return { ...this.#version, outcome: 'refused', reason, problems, changes, remarks };
  }

  #nextNumber(): number {
    return Math.max(this.#version.number, this.history.numbers().at(-1) ?? 0) + 1;
  }
}

interface Candidate {
  readonly config: Config;
  readonly file: ParsedConfigFile;
  readonly layers: ConfigLayers;
  readonly hash: string;
}
