import type { Logger } from 'pino';
import type { ParsedConfigFile } from '../config/file-schema.ts';
import type { Config } from '../config/model.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Registry } from '../metrics/instruments.ts';
import type { Slo } from '../policy/slo/slo.ts';
import type { FleetConfigStore } from '../store/fleet-config.ts';
import type { FleetNewsStore } from '../store/fleet-news.ts';
import type { ValkeyClient } from '../store/valkey/valkey-client.ts';
import type { ConfigLayers } from './config/config-layers.ts';
import type { ConfigSource } from './config/config-source.ts';
import type { FleetConfigAtStart } from './fleet/config-start.ts';
import type { ClusterPlace } from './kubernetes/cluster-place.ts';
import type { DatabaseWatch } from './see/database-watch.ts';

/** What control is built from. */
export interface ControlDependencies {
  readonly config: Config;
  /** The configuration file that `config` was built from, and where the next one comes from. */
  readonly file: ParsedConfigFile;
  readonly source: ConfigSource;
  /** What `file` is made of. */
  readonly layers: ConfigLayers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Control's own metrics. */
  readonly registry: Registry;
  readonly bugs: Bugs;
  /** Undefined if nothing needs PostgreSQL. */
  readonly database?: DatabaseWatch | undefined;
  /** The name of this host in its fleet; undefined: that of its run folder. */
  readonly host?: string | undefined;
  /** Undefined without VALKEY_URL. */
  readonly valkey?: ValkeyClient | undefined;
  /** The Valkey of VALKEY_CACHE_URL, which control only watches; undefined if workers do not use it. */
  readonly valkeyCache?: ValkeyClient | undefined;
  /** Why this host could not start with a configuration, if its file stays as it is. */
  readonly startProblems?: (config: Config) => Promise<readonly string[]>;
  /** The cluster in whose pod control runs; undefined outside of one. */
  readonly cluster?: ClusterPlace | undefined;
  /** Keeps news for all hosts of the fleet; undefined if nothing needs PostgreSQL. */
  readonly fleetNews?: FleetNewsStore | undefined;
  /** The versions of the configuration of the fleet, and with which one this host starts; undefined without a common PostgreSQL. */
  readonly fleetConfig?: { readonly store: FleetConfigStore; readonly begun: FleetConfigAtStart } | undefined;
  /** What the SLO file promises; undefined without one. */
  readonly slo?: Slo | undefined;
  /** How many gateway workers there should be; undefined where somebody else than our supervisor starts them. */
  readonly wantedWorkers?: number | undefined;
  /** Where the socket and the book lie. */
  readonly runFolder: string;
  /** Where lies what outlives a stop of the host: its history, objectives and alerts; undefined: there, too. */
  readonly stateFolder?: string | undefined;
  readonly version: string;
}
