import { type ConfigChange, configChanges } from '../../config/changes.ts';
import type { ParsedConfigFile } from '../../config/file-schema.ts';
import { contentHash } from '../../core/canonical-json.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import {
  ACCEPT_LIMIT_MS,
  type AskedHost,
  decideVersion,
  REFUSED_LIMIT_MS,
  type VersionDecision,
} from '../../policy/fleet/config-decision.ts';
import { StoreError } from '../../store/errors.ts';
import type { FleetConfigStore } from '../../store/fleet-config.ts';
import type { ChangeRequest } from '../config/change-request.ts';
import type { ConfigKeeper } from '../config/config-keeper.ts';
import type { ConfigSource } from '../config/config-source.ts';
import { AT_RESTART, type ChangedHost, type FleetRefusal, type FleetReloadResult } from './config-result.ts';
import { fetchVersion } from './config-start.ts';

/** The hosts that live, as the news of the fleet has them. */
export interface LiveHosts {
  readonly names: readonly string[];
  /** Whether they are all of them; not while the stream is new. */
  readonly isSure: boolean;
  /** Whether this host hears no news, so that the names are old. */
  readonly isApart: boolean;
  /** Why. */
  readonly problem: string | undefined;
}

export interface FleetRolloutOptions {
  readonly host: string;
  readonly store: FleetConfigStore;
  readonly keeper: ConfigKeeper;
  readonly source: ConfigSource;
  readonly clock: Clock;
  readonly live: () => LiveHosts;
  /** Has every host look into PostgreSQL. */
  readonly announce: () => void;
}

const POLL_MS = 100;
/** How long hosts may take to put a version in force. */
const TAKE_LIMIT_MS = 10_000;
/** How long PostgreSQL may be away while it decides. */
const DECIDE_LIMIT_MS = 10_000;
const NEXT = 'nothing is activated: run it again when that is mended';

type Plan = Pick<FleetReloadResult, 'changes' | 'remarks'>;
const noPlan: Plan = { changes: [], remarks: [] };

/** Has all hosts of a fleet put one version of the configuration in force, or none (ADR 144). */
export class FleetRollout {
  readonly #options: FleetRolloutOptions;

  constructor(options: FleetRolloutOptions) {
    this.#options = options;
  }

  /** Puts the configuration file of this host in force on all hosts. */
  async reload(request: ChangeRequest): Promise<FleetReloadResult> {
    const { source, keeper, store, host } = this.#options;
    if (this.#options.live().isApart) return this.#refused('stores', [this.#unsureText()]);
    const { file, problems } = await source.read();
    if (problems.length > 0) return this.#refused('file', problems);
    const { who, force = false, atRestart = false } = request;
    const own = await keeper.reload({ ...request, dryRun: true, trial: true }, file);
    const plan = { changes: own.changes, remarks: own.remarks };
    if (own.outcome === 'refused') {
      const advice = own.reason === 'restart-needed' ? [AT_RESTART] : [];
      return this.#refused('file', [...own.problems, ...advice], plan);
    }
    try {
      const wanted = { ...plan, changes: await this.#changes(own.changes, file) };
      const proposal = { hash: contentHash(file), host, who, file, force, atRestart };
      const unchanged = await this.#unchanged(proposal.hash);
      if (unchanged !== undefined) return { ...unchanged, remarks: plan.remarks };
      const number = await store.propose(proposal);
      return number === undefined ? await this.#busy() : await this.#ask(number, wanted, request);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return this.#refused('stores', [`PostgreSQL of the fleet: ${error.message}; ${NEXT}`], plan);
    }
  }

  /** The changes for the fleet. They differ from those of this host if it departs from the fleet. */
  async #changes(own: readonly ConfigChange[], file: ParsedConfigFile): Promise<readonly ConfigChange[]> {
    const { store } = this.#options;
    const { active } = await store.versions();
    if (active === undefined) return own;
    try {
      const changes = configChanges((await fetchVersion(store, active.number)).file, file);
      return changes.length > 0 ? changes : own;
    } catch (error) {
      // This release cannot read the version, so nobody has it here.
      if (error instanceof StoreError) throw error;
      return own;
    }
  }

  /** The result if every live host has this configuration already. */
  async #unchanged(hash: string): Promise<FleetReloadResult | undefined> {
    const { store, live } = this.#options;
    const { active } = await store.versions();
    const { names, isSure, isApart } = live();
    if (active?.hash !== hash || !isSure || isApart) return undefined;
    const reports = new Map((await store.hosts()).map((one) => [one.host, one]));
    if (!names.every((name) => reports.get(name)?.version === active.number && reports.get(name)?.departs === false))
      return undefined;
    const hosts = names.map((name): ChangedHost => ({ host: name, state: 'in-force', problems: [] }));
    return { ...noPlan, outcome: 'unchanged', version: active.number, hosts, problems: [] };
  }

  async #busy(): Promise<FleetReloadResult> {
    const { proposed } = await this.#options.store.versions();
    const who = proposed === undefined ? '' : ` by ${proposed.who} on ${proposed.host} (version ${proposed.number})`;
    return this.#refused('busy', [`another change of the fleet is under way${who}: look at it and run this again`]);
  }

  async #ask(number: number, plan: Plan, { dryRun }: ChangeRequest): Promise<FleetReloadResult> {
    this.#options.announce();
    const decision = await this.#decision(number).catch(async (error: unknown) => {
      await this.#giveUp(number);
      throw error;
    });
    const { hosts } = decision;
    if (decision.kind === 'activate' && dryRun !== true) return this.#activate(number, hosts, plan);
    await this.#giveUp(number);
    if (decision.kind !== 'refuse')
      return { ...plan, outcome: 'checked', version: await this.#version(), hosts, problems: [] };
    const problems = this.#problems(decision);
    return { ...(await this.#refused(decision.why === 'unsure' ? 'stores' : 'hosts', problems, plan)), hosts };
  }

  async #giveUp(number: number): Promise<void> {
    // If PostgreSQL fails, it is given up by itself after 45 seconds, and nobody else can put it in force.
    await orUndefined(this.#options.store.drop(number));
    this.#options.announce();
  }

  /** Asks until the answers decide. */
  async #decision(number: number): Promise<VersionDecision> {
    const { clock, store, live, host } = this.#options;
    const since = clock.now();
    let answers: Awaited<ReturnType<FleetConfigStore['hosts']>> = [];
    for (;;) {
      answers = (await orUndefined(store.hosts())) ?? answers;
      const { names, isSure, isApart } = live();
      const elapsedMs = clock.now() - since;
      const decision = decideVersion({ number, asker: host, live: names, isSure, isApart, answers, elapsedMs });
      if (decision.kind !== 'wait') return decision;
      await this.#pause();
    }
  }

  #problems({ hosts }: VersionDecision): string[] {
    const { isSure, isApart } = this.#options.live();
    const texts = hosts.flatMap(({ host, state, problems }) => {
      if (state === 'refused') return problems.map((text) => `${host}: ${text}`);
      // Without the news the other hosts have not been asked, so their silence says nothing.
      return state === 'silent' && !isApart ? [silentText(host, hosts)] : [];
    });
    return isSure && !isApart ? texts : [this.#unsureText(), ...texts];
  }

  #unsureText(): string {
    const { problem = 'the stream in Valkey is new; try again in ten seconds' } = this.#options.live();
    return `it is not known which hosts live, so ${NEXT} (Valkey: ${problem})`;
  }

  async #activate(number: number, asked: readonly AskedHost[], plan: Plan): Promise<FleetReloadResult> {
    const isActive = await this.#decide(number);
    this.#options.announce();
    if (isActive === undefined) {
      const problem = `PostgreSQL has failed while it decided: it is not known whether version ${number} is in force. 'rampart fleet status' says so when it answers again`;
      return { ...(await this.#refused('unknown', [problem], plan)), hosts: asked };
    }
    if (!isActive) {
      const problem = `version ${number} was given up, because its decision took longer than 45 s; ${NEXT}`;
      return { ...(await this.#refused('stores', [problem], plan)), hosts: asked };
    }
    const hosts = await this.#taken(number, asked);
    const failed = hosts.filter(({ state }) => state !== 'in-force');
    const late = failed.map(({ host, state, problems }) =>
      state === 'late'
        ? `${host} has accepted the version, and has not put it in force within ${TAKE_LIMIT_MS / 1000} s; it takes it as soon as it can`
        : `${host}: ${problems.join('; ')}`,
    );
    return { outcome: 'applied', version: number, hosts, problems: [], ...plan, remarks: [...plan.remarks, ...late] };
  }

  /** Whether the version is in force; undefined if that cannot be known. An attempt without an answer may have done it. */
  async #decide(number: number): Promise<boolean | undefined> {
    const { store, clock } = this.#options;
    const until = clock.now() + DECIDE_LIMIT_MS;
    for (;;) {
      const isNew = await orUndefined(store.activate(number));
      if (isNew === true) return true;
      const versions = await orUndefined(store.versions());
      if (versions !== undefined && (isNew !== undefined || versions.proposed?.number !== number))
        return versions.active?.number === number;
      if (clock.now() >= until) return undefined;
      await this.#pause();
    }
  }

  /** Waits until the hosts have taken it. */
  async #taken(number: number, asked: readonly AskedHost[]): Promise<ChangedHost[]> {
    const { store, clock } = this.#options;
    const until = clock.now() + TAKE_LIMIT_MS;
    for (;;) {
      const reports = new Map((await orUndefined(store.hosts()))?.map((one) => [one.host, one]));
      const hosts = asked.map(({ host }): ChangedHost => {
        const { version, problem, waitsFor } = reports.get(host) ?? {};
        if (version === number) return { host, state: 'in-force', problems: [] };
        if (!problem) return { host, state: 'late', problems: [] };
        return { host, state: waitsFor === number ? 'at-restart' : 'failed', problems: [problem] };
      });
      if (hosts.every(({ state }) => state === 'in-force' || state === 'at-restart') || clock.now() >= until)
        return hosts;
      await this.#pause();
    }
  }

  async #version(): Promise<number | null> {
    return (await orUndefined(this.#options.store.versions()))?.active?.number ?? null;
  }

  async #refused(reason: FleetRefusal, problems: readonly string[], plan: Plan = noPlan): Promise<FleetReloadResult> {
    return { ...plan, outcome: 'refused', reason, version: await this.#version(), hosts: [], problems };
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.setTimeout(resolve, POLL_MS));
  }
}

function silentText(host: string, hosts: readonly AskedHost[]): string {
  const isRefused = hosts.some(({ state }) => state === 'refused');
  const limitMs = isRefused ? REFUSED_LIMIT_MS : ACCEPT_LIMIT_MS;
  return `${host} has not answered within ${limitMs / 1000} s: it hangs, has another PostgreSQL (DATABASE_URL must be the same on all hosts) or runs an earlier release. Stop it, or mend it`;
}

/** Undefined if PostgreSQL fails. */
async function orUndefined<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw new Error(messageOf(error), { cause: error });
  }
}
