import { resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { runFolder } from '../core/run-folder.ts';
import { controlSocket } from '../control/control-socket.ts';
import { tellControl } from '../control/link.ts';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../store/embedded/embedded-postgres.ts';
import { findPlacement } from '../store/embedded/placement.ts';
import { migrate } from '../store/migrations.ts';
import { openStore, type Store } from '../store/store.ts';
import type { CommandIo } from './io.ts';
import { tellFleetOfKeys } from './tell-fleet.ts';

type Work<Result> = (store: Store) => Promise<Result>;

/** Works on the database of this folder's Rampart; an embedded PostgreSQL that was not running is stopped again afterwards. */
export const withOwnStore = <Result>(io: CommandIo, name: string, work: Work<Result>): Promise<Result> =>
  withOwnDatabase(io, (url) => withStore(url, io, name, work));

/** The same by its URL. */
export async function withOwnDatabase<Result>(io: CommandIo, work: (url: string) => Promise<Result>): Promise<Result> {
  const url = await runningDatabase(io);
  if (url !== undefined) return work(url);
  const started = await startEmbeddedPostgres({ dataDir: dataDirOf(io) });
  try {
    return await work(started.url);
  } finally {
    // A server that another process has started in the meantime belongs to that process.
    if (!started.adopted) await started.stop();
  }
}

/** Whether this folder's Rampart has a database already. */
export const hasOwnStore = async (io: CommandIo): Promise<boolean> =>
  (io.env['DATABASE_URL'] ?? '') !== '' || (await findPlacement(dataDirOf(io))) !== undefined;

/** Where the database is, for messages; without the URL, which may have a password. */
export const ownPlaceOf = (io: CommandIo): string =>
  (io.env['DATABASE_URL'] ?? '') === '' ? dataDirOf(io) : 'the database of DATABASE_URL';

/** The same, where that database runs at the moment; else undefined. */
export async function withRunningStore<Result>(
  io: CommandIo,
  name: string,
  work: Work<Result>,
): Promise<Result | undefined> {
  const url = await runningDatabase(io);
  return url === undefined ? undefined : withStore(url, io, name, work);
}

/** Has workers forget what they know of keys, in a fleet those of all hosts. Workers that are not told ask again within half a minute. */
export async function tellWorkers(io: CommandIo): Promise<void> {
  const result = await tellControl(controlSocket(runFolder(dataDirOf(io))), { type: 'keys-changed' });
  const url = io.env['VALKEY_URL'] ?? '';
  if (result === 'told' || url === '') return;
  const problem = await tellFleetOfKeys(url);
  if (problem === undefined) return;
  io.stderr.write(`rampart: the hosts of VALKEY_URL could not be told, and notice it within 30 seconds: ${problem}\n`);
}

/** The data directory of this folder's Rampart. */
export const dataDirOf = ({ env, folder }: CommandIo): string => resolve(folder, env['RAMPART_DATA_DIR'] || '.rampart');

async function runningDatabase(io: CommandIo): Promise<string | undefined> {
  const given = io.env['DATABASE_URL'] ?? '';
  return given === '' ? (await findEmbeddedPostgres(dataDirOf(io)))?.url : given;
}

async function withStore<Result>(
  url: string,
  io: CommandIo,
  applicationName: string,
  work: Work<Result>,
): Promise<Result> {
  const direct = io.env['DATABASE_DIRECT_URL'] || undefined;
  await migrate(direct ?? url);
  const isPooled = direct !== undefined;
  const store = openStore({ url, isPooled, poolMax: 1, poolTimeoutMs: 5_000, applicationName, clock: systemClock });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
