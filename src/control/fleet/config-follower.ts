import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { FleetConfigStore, FleetVersion, FleetVersions } from '../../store/fleet-config.ts';
import { StoreError } from '../../store/errors.ts';
import type { ConfigKeeper } from '../config/config-keeper.ts';
import type { FleetTies } from '../config/change-request.ts';
import { NamedTimers } from '../named-timers.ts';
import {
  type FleetConfigAtStart,
  type FleetFile,
  fetchVersion,
  fleetVersionPath,
  saveFleetVersion,
} from './config-start.ts';
import { AT_RESTART } from './config-result.ts';

export interface ConfigFollowerOptions {
  readonly host: string;
  readonly store: FleetConfigStore;
  readonly keeper: ConfigKeeper;
  readonly dataDir: string;
  readonly begun: FleetConfigAtStart;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bugs: Bugs;
}

/** How soon PostgreSQL is asked again while a proposal is open, because the host that decides may die before it tells. */
const DECISION_MS = 500;
/** The same after a failure. */
const RETRY_MS = 2000;
/** How soon a version that this host cannot use is tried again, from the first failure on. */
const takeAgain = { firstMs: 2000, maxMs: 60_000 };

/**
 * Has this host do what PostgreSQL says of the configuration of its fleet: say whether it can use a proposed version, and take the
 * version in force. Whatever happens only makes it look again, so no message can be missed or taken twice.
 */
export class ConfigFollower implements FleetTies {
  readonly #options: ConfigFollowerOptions;
  readonly #timers: NamedTimers;
  #from: FleetConfigAtStart['from'];
  /** The version of the fleet that this host has taken last. */
  #taken: FleetFile | undefined;
  #problem: string | undefined;
  /** The proposal that it has answered last. */
  #answered: string | undefined;
  /** How often in a row it could not take the version in force. */
  #failures = 0;
  /** The version that this host takes when it starts again. Trying again before that cannot succeed. */
  #waitsFor: number | undefined;
  #reported = '';
  #logged: string | undefined;
  #isStarted = false;
  #isLooking = false;
  #isWanted = false;

  constructor(options: ConfigFollowerOptions) {
    this.#options = options;
    const { begun, clock, bugs } = options;
    this.#from = begun.from;
    this.#taken = begun.version;
    this.#problem = begun.problem;
    this.#timers = new NamedTimers(clock, bugs, 'fleet-config');
  }

  /** From now on the host follows; its control has numbered the configuration of its start. */
  start(): void {
    this.#isStarted = true;
    this.#save();
    this.look();
  }

  close(): void {
    this.#isStarted = false;
    this.#timers.close();
  }

  /** Something may have changed in PostgreSQL, or on this host. */
  look(): void {
    this.#isWanted = true;
    if (this.#isLooking || !this.#isStarted) return;
    this.#isLooking = true;
    void this.#turn().catch((error: unknown) => this.#options.bugs.report('fleet-config', error));
  }

  /** How a configuration of this hash departs from the fleet's; undefined if it does not. */
  departure(hash: string): string | undefined {
    if (this.#taken === undefined || this.#taken.fileHash === hash) return undefined;
    const { number } = this.#taken;
    return `this host departs from version ${number} of the fleet, until its control starts again or a version comes by rampart reload --fleet`;
  }

  /** Advice for a change that needs a restart; undefined if a restart is enough, because the fleet has this configuration already. */
  restartAdvice(hash: string): string | undefined {
    if (this.#taken === undefined) return `for all hosts at once, ${AT_RESTART}`;
    const { number, fileHash } = this.#taken;
    if (fileHash === hash) return undefined;
    return `a restart alone does not help, because this host starts with version ${number} of the fleet: ${AT_RESTART}`;
  }

  /** For `GET /api/status`; null before the fleet has a version. */
  status() {
    if (this.#taken === undefined && this.#problem === undefined) return null;
    const { hash } = this.#options.keeper.version;
    return {
      version: this.#taken?.number ?? null,
      departs: this.departure(hash) !== undefined,
      from: this.#from,
      problem: this.#problem ?? null,
    };
  }

  async #turn(): Promise<void> {
    let pauseMs: number | undefined = RETRY_MS;
    try {
      while (this.#isWanted && this.#isStarted) {
        this.#isWanted = false;
        pauseMs = await this.#follow();
      }
    } finally {
      this.#isLooking = false;
      if (pauseMs !== undefined) this.#timers.start('look', pauseMs, () => this.look());
    }
  }

  /** After how long PostgreSQL is to be asked again; undefined: when there is news. */
  async #follow(): Promise<number | undefined> {
    try {
      const versions = await this.#options.store.versions();
      const isTaken = await this.#take(versions.active);
      const isOpen = await this.#answer(versions);
      await this.#report();
      if (isTaken) this.#logged = undefined;
      if (isOpen) return DECISION_MS;
      return isTaken || this.#waitsFor !== undefined ? undefined : this.#againMs();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#warn('the configuration of the fleet cannot be read from PostgreSQL', error.message);
      return RETRY_MS;
    }
  }

  /** Whether this host has the version in force. */
  async #take(active: FleetVersion | undefined): Promise<boolean> {
    this.#waitsFor = undefined;
    if (active === undefined || (active.number === this.#taken?.number && active.hash === this.#taken.hash)) {
      this.#problem = undefined;
      this.#failures = 0;
      if (active !== undefined) this.#from = 'fleet';
      return true;
    }
    const { store, keeper } = this.#options;
    const { number } = active;
    const before = this.#taken;
    const problems = await problemsOf(async () => {
      const version = await fetchVersion(store, number);
      // The note about departures compares with this version.
      this.#taken = version;
      // The guard has been asked when hosts were asked.
      const result = await keeper.reload({ who: `version ${number} of the fleet`, force: true }, version.file);
      if (version.atRestart && result.reason === 'restart-needed') this.#waitsFor = number;
      return result.problems;
    });
    if (problems.length > 0) {
      this.#taken = before;
      const what = this.#waitsFor === number ? 'is taken when this host starts again' : 'cannot be taken';
      this.#problem = `version ${number} of the fleet ${what}: ${problems.join('; ')}`;
      this.#warn('this host keeps another configuration than its fleet', this.#problem);
      return false;
    }
    this.#problem = undefined;
    this.#failures = 0;
    this.#from = 'fleet';
    this.#save();
    return true;
  }

  /** Whether a proposal is open, which this host has answered. */
  async #answer({ proposed, active }: FleetVersions): Promise<boolean> {
    if (proposed === undefined || proposed.number === active?.number) return false;
    const { store, keeper, host } = this.#options;
    const key = `${proposed.number} ${proposed.hash}`;
    if (this.#answered === key) return true;
    const problems = await problemsOf(async () => {
      const { file, force, atRestart } = await fetchVersion(store, proposed.number);
      const who = `version ${proposed.number} of the fleet, proposed by ${proposed.host}`;
      const result = await keeper.reload({ who, force, atRestart, dryRun: true, trial: true }, file);
      return result.reason === 'restart-needed' ? [...result.problems, AT_RESTART] : result.problems;
    });
    await store.answer(host, proposed.number, problems);
    this.#answered = key;
    return true;
  }

  #againMs(): number {
    const { firstMs, maxMs } = takeAgain;
    return Math.min(maxMs, firstMs * 2 ** Math.min(this.#failures++, 10));
  }

  /** Says which version this host has, if that has changed. */
  async #report(): Promise<void> {
    const { store, host, keeper, log } = this.#options;
    const { hash } = keeper.version;
    const departure = this.departure(hash);
    const departs = departure !== undefined;
    const state = {
      version: this.#taken?.number ?? null,
      departs,
      problem: this.#problem ?? null,
      waitsFor: this.#waitsFor ?? null,
    };
    const text = JSON.stringify(state);
    if (text === this.#reported) return;
    if (departs) log.warn({ hash }, departure);
    await store.report(host, state);
    this.#reported = text;
  }

  /** The file is for a start without PostgreSQL. */
  #save(): void {
    const { dataDir, log } = this.#options;
    if (this.#taken === undefined) return;
    try {
      saveFleetVersion(fleetVersionPath(dataDir), this.#taken);
    } catch (error) {
      log.warn({ err: error }, 'the version of the fleet cannot be written down');
    }
  }

  /** Only the first of equal failures, because it is tried again and again. */
  #warn(message: string, problem: string): void {
    if (problem !== this.#logged) this.#options.log.warn({ problem }, message);
    this.#logged = problem;
  }
}

/** A failure of PostgreSQL is thrown, because the host may still be able to use the version. */
async function problemsOf(work: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    return [messageOf(error)];
  }
}
