import { join } from 'node:path';
import type { Logger } from 'pino';
import { type ConfigChange, configChanges, guardProblems } from '../../config/changes.ts';
import type { ParsedConfigFile } from '../../config/file-schema.ts';
import { parseConfigFile } from '../../config/file.ts';
import type { Config } from '../../config/model.ts';
import { snapshotPath, writeSnapshot } from '../../config/snapshot.ts';
import { contentHash } from '../../core/canonical-json.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Registry } from '../../metrics/instruments.ts';
import type { ConfigVersion } from '../../protocol/config-wire.ts';
import { ConfigHistory } from './config-history.ts';
import { ConfigMetrics } from './config-metrics.ts';
import type { ConfigSource } from './config-source.ts';
import { nameOf, type Rollout, type StepResult } from './rollout.ts';

export interface ConfigKeeperOptions {
  readonly config: Config;
  readonly file: ParsedConfigFile;
  readonly source: ConfigSource;
  readonly runFolder: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly rollout: Rollout;
  /** The version is decided: control takes it over at once. */
  readonly onCommit: (config: Config, version: ConfigVersion) => void;
  /** The workers have confirmed, or had their time. */
  readonly onSettled: (result: StepResult) => void;
}

export interface ChangeRequest {
  readonly who: string;
  readonly why?: string;
  /** Only say what would change. */
  readonly dryRun?: boolean | undefined;
  /** Make changes that a guard holds back. */
  readonly force?: boolean | undefined;
}

export type ReloadOutcome = 'applied' | 'unchanged' | 'checked' | 'refused';
export type ReloadRefusal = 'invalid' | 'guarded' | 'restart-needed' | 'workers' | 'storage';

/** What became of a change. */
export interface ReloadResult extends ConfigVersion {
  readonly outcome: ReloadOutcome;
  readonly reason?: ReloadRefusal;
  readonly changes: readonly ConfigChange[];
  /** Everything that is wrong, if it was refused. */
  readonly problems: readonly string[];
  readonly remarks: readonly string[];
}

/** A message of this length would be taken for a fault (protocol/lines.ts). */
const MOST_CHARACTERS = 3 * 1024 * 1024;

/** The configuration of a host: which version is in force, and how another one takes its place. */
export class ConfigKeeper {
  readonly #options: ConfigKeeperOptions;
  readonly #history: ConfigHistory;
  readonly #metrics: ConfigMetrics;
  #config: Config;
  #file: ParsedConfigFile;
  #version: ConfigVersion;
  #since: number;
  #last:
    | {
        readonly atMs: number;
        readonly who: string;
        readonly outcome: ReloadOutcome;
        readonly problems: readonly string[];
      }
    | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ConfigKeeperOptions) {
    this.#options = options;
    const { config, file, registry, clock } = options;
    this.#history = new ConfigHistory(join(config.dataDir, 'config'));
    this.#config = config;
    this.#file = file;
    this.#since = clock.wallNow();
    this.#version = { number: 0, hash: contentHash(file) };
    this.#metrics = new ConfigMetrics(registry);
  }

  /** Numbers the configuration of the start; no other control may be running. */
  begin(): void {
    this.#version = this.#versionAtStart();
    this.#metrics.inForce(this.#version);
    writeSnapshot(snapshotPath(this.#options.runFolder), { file: this.#file, version: this.#version });
  }

  get version(): ConfigVersion {
    return this.#version;
  }

  /** The configuration in force, as a worker gets it. */
  get file(): ParsedConfigFile {
    return this.#file;
  }

  /** For `/api/status`. */
  status(): Record<string, unknown> {
    const last = this.#last;
    return {
      version: this.#version.number,
      version_hash: this.#version.hash,
      since: new Date(this.#since).toISOString(),
      last_reload: last === undefined ? null : { ...last, atMs: undefined, at: new Date(last.atMs).toISOString() },
    };
  }

  /** Puts the configuration file as it is now in force; resolves when it is, or when nothing has changed. */
  reload(request: ChangeRequest): Promise<ReloadResult> {
    return this.#inTurn(request, async () => {
      const { file, problems } = await this.#options.source.read();
      if (problems.length > 0) return this.#refused('invalid', problems);
      return this.#change(file, request);
    });
  }

  /** One change at a time: each is compared with what the one before has left. */
  #inTurn(request: ChangeRequest, work: () => Promise<ReloadResult>): Promise<ReloadResult> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result.then((done) => {
      this.#noted(request, done);
      return done;
    });
  }

  async #change(file: ParsedConfigFile, request: ChangeRequest): Promise<ReloadResult> {
    const { source } = this.#options;
    const remarks = source.environmentRemarks();
    const hash = contentHash(file);
    if (hash === this.#version.hash)
      return { ...this.#version, outcome: 'unchanged', changes: [], problems: [], remarks };
    const built = source.build(file, this.#config);
    if (built.config === undefined) return this.#refused('invalid', built.problems);
    const changes = configChanges(this.#file, file);
    const plan = { changes, remarks: [...built.remarks, ...remarks] };
    const needRestart = changes.filter((change) => change.class === 'restart');
    if (needRestart.length > 0) {
      return this.#refused(
        'restart-needed',
        needRestart.map(({ text }) => `${text}: this needs a restart`),
        plan,
      );
    }
    const guarded = request.force === true ? [] : guardProblems(this.#file, file);
    if (guarded.length > 0) {
      return this.#refused(
        'guarded',
        guarded.map((text) => `${text}: use --force if that is meant`),
        plan,
      );
    }
    if (request.dryRun === true) return { ...this.#version, outcome: 'checked', problems: [], ...plan };
    return this.#rollOut(built.config, file, hash, plan, request);
  }

  async #rollOut(
    config: Config,
    file: ParsedConfigFile,
    hash: string,
    plan: Pick<ReloadResult, 'changes' | 'remarks'>,
    { who, why = '' }: ChangeRequest,
  ): Promise<ReloadResult> {
    const { rollout, runFolder, clock, onCommit, onSettled } = this.#options;
    if (JSON.stringify(file).length > MOST_CHARACTERS) {
      return this.#refused('invalid', [`the configuration has more than ${MOST_CHARACTERS} characters of JSON`], plan);
    }
    const version = { number: this.#nextNumber(), hash };
    const problems = preparationProblems(await rollout.prepare(version, file));
    if (problems.length > 0) {
      rollout.abandon(version);
      return this.#refused('workers', problems, plan);
    }
    const atMs = clock.wallNow();
    try {
      this.#history.add({ ...version, atMs, who, why, changes: plan.changes.map(({ text }) => text), file });
      // From here on the version is in force, whoever dies.
      writeSnapshot(snapshotPath(runFolder), { file, version });
    } catch (error) {
      this.#history.remove(version.number);
      rollout.abandon(version);
      return this.#refused('storage', [`the version cannot be written to disk: ${messageOf(error)}`], plan);
    }
    this.#config = config;
    this.#file = file;
    this.#version = version;
    this.#since = atMs;
    this.#metrics.inForce(version);
    const committing = rollout.commit(version, file);
    onCommit(config, version);
    const settled = await committing;
    onSettled(settled);
    const late = settled.silent.map(
      (worker) => `${nameOf(worker)} has not confirmed the version within 2 s; it takes it before it serves again`,
    );
    return { ...version, outcome: 'applied', problems: [], changes: plan.changes, remarks: [...plan.remarks, ...late] };
  }

  #refused(
    reason: ReloadRefusal,
    problems: readonly string[],
    plan: Partial<Pick<ReloadResult, 'changes' | 'remarks'>> = {},
  ): ReloadResult {
    const { changes = [], remarks = [] } = plan;
    return { ...this.#version, outcome: 'refused', reason, problems, changes, remarks };
  }

  #noted({ who, dryRun }: ChangeRequest, result: ReloadResult): void {
    const { log, clock } = this.#options;
    const { outcome, number, changes, problems } = result;
    if (dryRun !== true) {
      this.#metrics.changed(outcome);
      this.#last = { atMs: clock.wallNow(), who, outcome, problems };
    }
    const details = { who, version: number, ...(dryRun === true ? { dryRun } : {}) };
    const texts = changes.map(({ text }) => text);
    if (outcome === 'refused')
      log.error({ ...details, problems }, 'a change of the configuration is refused: nothing has changed');
    else if (outcome === 'applied') log.info({ ...details, changes: texts }, 'another configuration is in force');
    else log.info({ ...details, changes: texts }, `configuration: ${outcome}`);
  }

  #nextNumber(): number {
    return Math.max(this.#version.number, this.#history.numbers().at(-1) ?? 0) + 1;
  }

  /** The same number as before the start, if the configuration is the same. */
  #versionAtStart(): ConfigVersion {
    const { hash } = this.#version;
    const latest = this.#history.latest();
    if (latest?.hash === hash) return { number: latest.number, hash };
    const number = (this.#history.numbers().at(-1) ?? 0) + 1;
    const { clock, log } = this.#options;
    try {
      const before = parseConfigFile(latest?.file ?? {}, '');
      const changes = before.problems.length > 0 ? [] : configChanges(before.file, this.#file);
      const texts = changes.map(({ text }) => text);
      this.#history.add({
        number,
        hash,
        atMs: clock.wallNow(),
        who: 'start',
        why: '',
        changes: texts,
        file: this.#file,
      });
    } catch (error) {
      log.warn({ err: error }, 'the version of the configuration cannot be written down');
    }
    return { number, hash };
  }
}

function preparationProblems({ reports, silent }: StepResult): string[] {
  const refusals = [...reports].flatMap(([worker, report]) =>
    report.type === 'config-prepared' ? report.problems.map((problem) => `${nameOf(worker)}: ${problem}`) : [],
  );
  const unheard = silent.map(
    (worker) => `${nameOf(worker)} did not answer within 2 s: it hangs, or is of an earlier version`,
  );
  return [...refusals, ...unheard];
}
