import { needsDatabase } from '../config/config.ts';
import { usesSharedCache } from '../config/fleet.ts';
import { ConfigSource } from '../control/config/config-source.ts';
import { Control } from '../control/control.ts';
import { DatabaseWatch } from '../control/see/database-watch.ts';
import { fleetLibrary } from '../control/fleet/fleet-function.ts';
import { hostId } from '../control/fleet/host-id.ts';
import { messageOf } from '../core/errors.ts';
import { ownCluster } from '../control/kubernetes/cluster-place.ts';
import { startAdminServer } from '../control/admin-server.ts';
import { newsFunctions } from '../store/valkey/news-functions.ts';
import { tokenFunctions } from '../store/valkey/token-functions.ts';
import type { FunctionLibrary, ValkeyClient } from '../store/valkey/valkey-client.ts';
import { CONTROL_CONNECTIONS } from '../store/pool-size.ts';
import { join } from 'node:path';
import { LabRuns } from '../control/lab-runs.ts';
import { rampProcess } from './ramp-process.ts';
import { migrate } from '../store/migrations.ts';
import type { Store } from '../store/store.ts';
import { portTaken } from '../supervisor/public-socket.ts';
import { configurationAtStart } from './configuration-at-start.ts';
import { startDailyRetention } from './daily-retention.ts';
import { databaseUrlOf, directUrlOf, openSmallStore, prepareDatabase } from './database.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { poolMetrics } from './pool-metrics.ts';
import { announceReady, enterRole, exitCodeOf, type RoleContext, stopRequests } from './role.ts';
import { sloOf } from './slo-at-start.ts';
import { nextStartProblems } from './start-problems.ts';
import { version } from './version.ts';

const help = `usage: rampart control

Runs control: health checks, permits, metrics and the admin API on ADMIN_HOST:ADMIN_PORT. Brings the database
up to date, and runs the embedded PostgreSQL if DATABASE_URL is not set. A host runs one control.
`;

/** `rampart control`. */
export async function control(args: string[], io: CommandIo): Promise<number> {
  if (readOptions({ command: 'control', help }, args, io) === undefined) return exitCodes.ok;
  const context = await enterRole('control', io);
  // Under `rampart start` the supervisor has seen to the database.
  const database =
    io.env['RAMPART_SUPERVISED'] === '1' || !needsDatabase(context.config)
      ? undefined
      : await prepareDatabase(context.config);
  database?.watch((line) => context.log.warn(line));
  const retention = needsDatabase(context.config) ? startDailyRetention(context) : undefined;
  if (retention !== undefined)
    poolMetrics(context.registry, 'control', CONTROL_CONNECTIONS, () => {
      const { total, idle, waiting } = database?.store.pool() ?? { total: 0, idle: 0, waiting: 0 };
      return { total: total + retention.connections, idle, waiting };
    });
  try {
    await serve(context, io);
    retention?.stop();
  } catch (error) {
    await database?.abandon();
    throw error;
  }
  await database?.stop();
  return exitCodeOf(context);
}

/** Until it is asked to stop. */
async function serve(context: RoleContext, io: CommandIo): Promise<void> {
  const store = await openControlStore(context);
  const database =
    store === undefined || !needsDatabase(context.config)
      ? undefined
      : new DatabaseWatch({ clock: context.clock, check: () => store.maxConnections() });
  const [valkey, valkeyCache] = await openValkeys(context);
  void warnOfCache(context);
  database?.start();
  try {
    await serveAdmin(context, io, { database, valkey, valkeyCache, store });
  } finally {
    database?.close();
    valkey?.close();
    valkeyCache?.close();
    await store?.close();
  }
}

/** Hosts of a fleet share versions of the configuration in PostgreSQL, if they have one, also where nothing else needs it. */
async function openControlStore({ config, log }: RoleContext): Promise<Store | undefined> {
  if (needsDatabase(config)) return openSmallStore(await databaseUrlOf(config), config);
  const { VALKEY_URL, DATABASE_URL } = config.env;
  if (VALKEY_URL === undefined || DATABASE_URL === undefined) return undefined;
  await migrate(directUrlOf(config, DATABASE_URL)).catch((error: unknown) =>
    log.warn({ problem: messageOf(error) }, 'the database of the fleet cannot be brought up to date'),
  );
  return openSmallStore(DATABASE_URL, config);
}

/** Those of VALKEY_URL and VALKEY_CACHE_URL; control only watches the second, which workers use. */
function openValkeys(context: RoleContext): Promise<(ValkeyClient | undefined)[]> {
  const { env } = context.config;
  return Promise.all([
    openValkey(context, env.VALKEY_URL, [tokenFunctions, fleetLibrary, newsFunctions]),
    // A line of the log must say which of the two is meant.
    openValkey(
      { ...context, log: context.log.child({ setting: 'VALKEY_CACHE_URL' }) },
      usesSharedCache(env) ? env.VALKEY_CACHE_URL : undefined,
      [],
    ),
  ]);
}

/** Its code is loaded only where it is needed, because a restarted control should be back soon. */
async function openValkey(
  { clock, random, log, bugs }: RoleContext,
  url: string | undefined,
  libraries: readonly FunctionLibrary[],
): Promise<ValkeyClient | undefined> {
  if (url === undefined) return undefined;
  const { ValkeyClient } = await import('../store/valkey/valkey-client.ts');
  const connectionName = `rampart-control-${process.pid}`;
  return new ValkeyClient({ url, libraries, clock, random, log, bugs, connectionName });
}

/** Whether the settings of the shared cache suit it; nobody waits for this. */
async function warnOfCache({ config, log, bugs }: RoleContext): Promise<void> {
  const { VALKEY_CACHE_URL: url, VALKEY_URL } = config.env;
  if (url === undefined) return;
  try {
    const { checkValkeyCache } = await import('./check-valkey.ts');
    for (const remark of (await checkValkeyCache(url, VALKEY_URL))?.remarks ?? []) log.warn(remark);
  } catch (error) {
    bugs.report('valkey', error);
  }
}

interface OpenStores {
  readonly database: DatabaseWatch | undefined;
  readonly valkey: ValkeyClient | undefined;
  readonly valkeyCache: ValkeyClient | undefined;
  readonly store: Store | undefined;
}

async function serveAdmin(context: RoleContext, io: CommandIo, stores: OpenStores): Promise<void> {
  const { clock, log } = context;
  const { ADMIN_HOST: host, ADMIN_PORT: port, ADMIN_TOKEN: token, ADMIN_READ_TOKEN: readToken } = context.config.env;
  const stop = stopRequests(context);
  const running = await openControl(context, io, stores);
  await running.listen();
  process.on('SIGHUP', reloadAtSignals(running));
  const runs = new LabRuns({
    clock,
    folder: join(context.config.dataDir, 'runs'),
    start: rampProcess(context.config, io),
    note: (kind, text, who) => running.observer.changed(kind, text, who),
  });
  try {
    const admin = await startAdminServer(running, {
      host,
      port,
      token,
      readToken,
      clock,
      keys: stores.store?.keys,
      batches: stores.store?.batchOverview,
      runs,
    }).catch((error: unknown) => {
      throw portTaken('the admin API', 'ADMIN_PORT', host, port, error);
    });
    announceReady();
    log.debug({ host, port }, 'control ready');
    log.debug({ signal: await stop.first }, 'control stopping');
    admin.close();
    admin.closeAllConnections();
  } finally {
    runs.close();
    await running.close();
  }
}

async function openControl(context: RoleContext, io: CommandIo, stores: OpenStores): Promise<Control> {
  const { database, valkey, valkeyCache, store } = stores;
  const { config, clock, log } = context;
  const source = new ConfigSource({ processEnv: process.env, env: io.env, folder: io.folder, clock });
  return new Control({
    ...context,
    ...(await configurationAtStart(context, source, valkey && store?.fleetConfig)),
    source,
    startProblems: (next) => nextStartProblems(next, source),
    stateFolder: config.dataDir,
    version,
    database,
    valkey,
    valkeyCache,
    cluster: ownCluster(process.env),
    fleetNews: store?.fleetNews,
    host: valkey && hostId(config.dataDir, (message, details) => log.warn(details, message)),
    wantedWorkers: io.env['RAMPART_SUPERVISED'] === '1' ? config.env.GATEWAY_WORKERS : undefined,
    slo: sloOf(config, io, (remark) => log.warn(remark)),
  });
}

/** However many signals come while a reload is under way, one more follows it, which sees what they were sent for. */
function reloadAtSignals({ keeper, bugs }: Control): () => void {
  let isUnderway = false;
  let isWanted = false;
  const reload = (): void => {
    isWanted = false;
    isUnderway = true;
    const done = (): void => {
      isUnderway = false;
      if (isWanted) reload();
    };
    // The result is logged.
    keeper
      .reload({ who: 'SIGHUP' })
      .catch((error: unknown) => bugs.report('reload', error))
      .finally(done);
  };
  return () => {
    isWanted = true;
    if (!isUnderway) reload();
  };
}
