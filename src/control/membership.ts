import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sourceOf } from '../config/discover.ts';
import { announcedId } from '../config/upstreams.ts';
import type { Config } from '../config/model.ts';
import type { BackendConfig, BackendsByUpstream } from '../protocol/backends.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { Roster, type RosterState } from '../policy/membership/roster.ts';

export interface MembershipOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly runFolder: string;
  /** The backends of an upstream have changed. */
  readonly onChange: (upstream: string, backends: readonly BackendConfig[]) => void;
  readonly warn: (message: string, details: Record<string, unknown>) => void;
}

const FILE_NAME = 'members.json';
const EXPIRY_INTERVAL_MS = 10_000;

/** The file with the membership of a host. */
export const membershipFile = (runFolder: string): string => join(runFolder, FILE_NAME);

/** The backends of every upstream of the host, saved on disk for processes that start while control is away. */
export class Membership {
  readonly #options: MembershipOptions;
  #config: Config;
  readonly #rosters = new Map<string, Roster>();
  /** The backends of upstreams that are found in DNS. */
  readonly #discovered = new Map<string, readonly BackendConfig[]>();
  #timer: Timer | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { config, clock, runFolder } = options;
    this.#config = config;
    const saved = load(config, runFolder);
    for (const { name, discover } of config.upstreams)
      if (discover !== undefined) this.#discovered.set(name, saved[name]?.announced ?? []);
    for (const { name, backends, isAnnounced } of config.upstreams) {
      if (isAnnounced) this.#rosters.set(name, new Roster(backends, saved[name] ?? nobody, clock.now()));
    }
    this.#expireLater();
  }

  all(): BackendsByUpstream {
    const { upstreams } = this.#config;
    return Object.fromEntries(
      upstreams.map(({ name, backends, discover }) => [
        name,
        this.#rosters.get(name)?.members() ?? (discover && this.#discovered.get(name)) ?? backends,
      ]),
    );
  }

  /** Another configuration is in force. Upstreams whose backends announce themselves are the same in all of them. */
  useConfig(config: Config): void {
    const before = this.all();
    for (const { name, discover } of this.#config.upstreams) {
      const next = config.upstreams.find((one) => one.name === name)?.discover;
      // The backends of another name, port or scheme must not serve on.
      if (discover && next && sourceOf(discover) !== sourceOf(next)) this.#discovered.set(name, []);
    }
    this.#config = config;
    const discovering = config.upstreams.filter(({ discover }) => discover !== undefined);
    for (const name of this.#discovered.keys())
      if (!discovering.some((one) => one.name === name)) this.#discovered.delete(name);
    // Backends that were listed serve until DNS has answered.
    for (const { name } of discovering) if (!this.#discovered.has(name)) this.#discovered.set(name, before[name] ?? []);
  }

  /** The backends of an upstream that were found before, by this control or the last one. */
  foundBefore(upstream: string): readonly BackendConfig[] {
    return this.#discovered.get(upstream) ?? [];
  }

  /** The backends of an upstream in DNS have changed. */
  found(upstream: string, backends: readonly BackendConfig[]): void {
    this.#discovered.set(upstream, backends);
    this.#save();
    this.#options.onChange(upstream, backends);
  }

  /** A process announces itself as a backend. Ignored if the upstream is unknown or takes no announcements. */
  announced(process: string, upstream: string, origin: string): void {
    const id = announcedId(this.#options.config.env, upstream, origin);
    const roster = this.#rosters.get(upstream);
    const hasChanged = roster?.announce(process, { id, origin }) ?? false;
    if (roster === undefined) return;
    if (hasChanged) this.#changed(upstream, roster);
    else this.#save();
  }

  /** A process announces that it is about to end. */
  withdrawn(process: string): void {
    for (const [upstream, roster] of this.#rosters) if (roster.withdraw(process)) this.#changed(upstream, roster);
  }

  /** The connection of a process is gone. */
  lost(process: string): void {
    for (const roster of this.#rosters.values()) roster.lost(process, this.#options.clock.now());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #expireLater(): void {
    const { clock } = this.#options;
    this.#timer = clock.setTimeout(() => {
      for (const [upstream, roster] of this.#rosters) {
        if (roster.expire(clock.now())) this.#changed(upstream, roster);
      }
      this.#expireLater();
    }, EXPIRY_INTERVAL_MS);
  }

  #changed(upstream: string, roster: Roster): void {
    this.#save();
    this.#options.onChange(upstream, roster.members());
  }

  #save(): void {
    const found = [...this.#discovered].map(([name, announced]) => {
      const discover = this.#config.upstreams.find((one) => one.name === name)?.discover;
      return [name, { announced, left: [], ...(discover && { source: sourceOf(discover) }) }];
    });
    const states = [...[...this.#rosters].map(([name, roster]) => [name, roster.state()]), ...found];
    const path = membershipFile(this.#options.runFolder);
    try {
      writeFileSync(`${path}.new`, JSON.stringify(Object.fromEntries(states)), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      this.#options.warn('the backends that have joined and left cannot be written down', { err: error });
    }
  }
}

/** The configuration with the backends that control saved last, for a worker that starts while control is away. */
export function withLastMembers(config: Config, runFolder: string): Config {
  const saved = load(config, runFolder);
  const upstreams = config.upstreams.map((upstream) => {
    const state = saved[upstream.name];
    if (state === undefined) return upstream;
    if (upstream.discover !== undefined) return { ...upstream, backends: state.announced };
    if (!upstream.isAnnounced) return upstream;
    return { ...upstream, backends: new Roster(upstream.backends, state, 0).members() };
  });
  return { ...config, upstreams };
}

const nobody: RosterState = { announced: [], left: [] };
const member = z.object({ id: z.string(), origin: z.url(), isBackup: z.boolean().optional() });
/** `source` is that of upstreams in DNS; the version before has written none. */
const savedState = z.record(
  z.string(),
  z.object({ announced: z.array(member), left: z.array(z.string()), source: z.string().optional() }),
);

/** A file that cannot be read, or has another shape, is ignored: backends announce themselves again. */
function load({ env, upstreams }: Config, runFolder: string): Readonly<Record<string, RosterState>> {
  let states: z.output<typeof savedState>;
  try {
    states = savedState.safeParse(JSON.parse(readFileSync(membershipFile(runFolder), 'utf8'))).data ?? {};
  } catch {
    return {};
  }
  // With another GENERATOR_PORT, the same id means another generator.
  const isCurrent = (upstream: string, { id, origin }: BackendConfig): boolean => {
    const discover = upstreams.find((one) => one.name === upstream)?.discover;
    if (discover === undefined) return announcedId(env, upstream, origin) === id;
    const { source } = states[upstream] ?? {};
    return source === undefined || source === sourceOf(discover);
  };
  return Object.fromEntries(
    Object.entries(states).map(([name, { announced, left }]) => [
      name,
      { announced: announced.filter((one) => isCurrent(name, one)), left },
    ]),
  );
}
