import type { Config } from '../config/model.ts';
import { contentHash } from '../core/canonical-json.ts';
import type { ConfigSource } from '../control/config/config-source.ts';
import { layersAtStart, type StartConfig } from '../control/config/start-layers.ts';
import type { ControlDependencies } from '../control/control-dependencies.ts';
import { type FleetConfigAtStart, fleetConfigAtStart } from '../control/fleet/config-start.ts';
import { findEmbeddedPostgres } from '../store/embedded/embedded-postgres.ts';
import type { FleetConfigStore } from '../store/fleet-config.ts';
import type { RoleContext } from './role.ts';
import { startProblems } from './start-problems.ts';

/** The configuration with which control starts: that of its fleet, if there is one and this host can use it, or its own file. */
export async function configurationAtStart(
  context: Pick<RoleContext, 'base' | 'config' | 'log' | 'clock'>,
  source: ConfigSource,
  store: FleetConfigStore | undefined,
): Promise<StartConfig & Pick<ControlDependencies, 'fleetConfig'>> {
  const { base, config, log, clock } = context;
  if (store === undefined || (await isOwn(config))) return layersAtStart(base, config, source, log);
  const begun = usable(await fleetConfigAtStart({ store, dataDir: config.dataDir, clock, log }), context, source);
  const { version } = begun;
  const start = layersAtStart(version?.file ?? base, config, source, log);
  if (version !== undefined && version.fileHash !== contentHash(base))
    log.warn(
      { version: version.number },
      `the configuration file of this host differs from version ${version.number} of the fleet, which is in force`,
    );
  return { ...start, fleetConfig: { store, begun } };
}

/** Whether the database is the embedded one of this host, so that no other host sees versions in it. */
async function isOwn({ env, dataDir }: Config): Promise<boolean> {
  // A supervisor passes the address of its embedded PostgreSQL on.
  return env.DATABASE_URL === undefined || (await findEmbeddedPostgres(dataDir))?.url === env.DATABASE_URL;
}

/** Without its version if this host cannot use it. */
function usable(
  begun: FleetConfigAtStart,
  { config, log }: Pick<RoleContext, 'config' | 'log'>,
  source: ConfigSource,
): FleetConfigAtStart {
  const { version } = begun;
  if (version === undefined) return begun;
  const built = source.build(version.file, config);
  const all = built.config === undefined ? built.problems : startProblems(built.config, config);
  if (all.length === 0) return begun;
  const problem = `version ${version.number} of the fleet cannot be used: ${all.join('; ')}`;
  log.error({ problem }, 'this host starts with its own configuration file');
  return { from: 'file', version: undefined, problem };
}
