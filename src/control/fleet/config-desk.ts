import type { Environment } from '../../config/environment.ts';
import { StoreError } from '../../store/errors.ts';
import type { FleetConfigStore } from '../../store/fleet-config.ts';
import type { ChangeRequest } from '../config/change-request.ts';
import type { ConfigKeeper } from '../config/config-keeper.ts';
import type { ControlDependencies } from '../control-dependencies.ts';
import { ConfigFollower } from './config-follower.ts';
import type { FleetReloadResult } from './config-result.ts';
import { FleetRollout } from './config-rollout.ts';
import type { NewsDesk } from './news-desk.ts';
import { CONFIG_KIND } from './news-kinds.ts';

/** The configuration of the fleet at one of its hosts. */
export class FleetConfigDesk {
  readonly follower: ConfigFollower;
  readonly #rollout: FleetRollout;
  readonly #store: FleetConfigStore;
  readonly #live: () => readonly string[];

  constructor(
    dependencies: ControlDependencies,
    parts: { keeper: ConfigKeeper; news: NewsDesk; begun: NonNullable<ControlDependencies['fleetConfig']> },
  ) {
    const { runFolder, host = runFolder, source, clock, config } = dependencies;
    const { keeper, news, begun } = parts;
    const { store } = begun;
    this.follower = new ConfigFollower({ ...dependencies, ...begun, host, keeper, dataDir: config.dataDir });
    const announce = (): void => {
      this.follower.look();
      // The hosts are awaited by what they say in PostgreSQL, because an earlier release confirms this news and does nothing.
      void news.tell(CONFIG_KIND, {}).catch((error: unknown) => dependencies.bugs.report('fleet-config', error));
    };
    this.#rollout = new FleetRollout({ host, store, keeper, source, clock, live: () => news.live(), announce });
    this.#store = store;
    this.#live = () => news.live().names;
  }

  reload(request: ChangeRequest): Promise<FleetReloadResult> {
    return this.#rollout.reload(request);
  }

  /** The version in force, what each host has said of its own, and whether it lives. Undefined if PostgreSQL fails. */
  async hosts(): Promise<unknown> {
    const live = new Set(this.#live());
    try {
      const { active = null } = await this.#store.versions();
      const hosts = (await this.#store.hosts()).map(({ host, version, departs, problem }) => {
        return { host, lives: live.has(host), version, departs, problem };
      });
      return { active, hosts };
    } catch (error) {
      if (error instanceof StoreError) return undefined;
      throw error;
    }
  }
}

/** Undefined without VALKEY_URL or a common PostgreSQL. */
export function openFleetConfig(
  dependencies: ControlDependencies,
  keeper: ConfigKeeper,
  news: NewsDesk | undefined,
): FleetConfigDesk | undefined {
  const { fleetConfig: begun } = dependencies;
  return news && begun && new FleetConfigDesk(dependencies, { keeper, news, begun });
}

/** The answer to a change for all hosts where there is no fleet, or no common PostgreSQL. */
export function noFleet({ VALKEY_URL }: Environment): FleetReloadResult {
  const missing =
    VALKEY_URL === undefined
      ? 'VALKEY_URL is not set: it must name the Valkey of all hosts'
      : 'DATABASE_URL is not set: it must name one PostgreSQL for all hosts';
  const problems = [
    `${missing}. Set it on every host and restart, or reload each host without --fleet (docs/fleet.md)`,
  ];
  return { outcome: 'refused', reason: 'no-fleet', version: null, hosts: [], changes: [], problems, remarks: [] };
}
