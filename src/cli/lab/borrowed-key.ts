import { UsageError } from '../../core/errors.ts';
import { runningSystem, type System } from '../../lab/system/system.ts';
import type { CommandIo } from '../io.ts';
import { tellWorkers, withRunningStore } from '../own-store.ts';

const APPLICATION = 'rampart-lab';
/** The lab asks for more than a client may: the limit of its key must not be what it measures. */
const UNLIMITED = { requestsPerSecond: 1_000_000, burst: 1_000_000 };

/** A Rampart that runs with this folder's database, with a key for this run alone: stopping it revokes the key. */
export async function systemWithBorrowedKey(url: string, io: CommandIo): Promise<System> {
  const key = await withRunningStore(io, APPLICATION, (store) =>
    store.keys.create('lab, for one run', { limit: UNLIMITED, priority: undefined }),
  );
  if (key === undefined) {
    throw new UsageError(
      'Cannot make a key for the run, as no database runs here: give --key-file or --key, or set DATABASE_URL or RAMPART_DATA_DIR to that of the Rampart at --url',
    );
  }
  let revoking: Promise<void> | undefined;
  const revoke = async (): Promise<void> => {
    await withRunningStore(io, APPLICATION, (store) => store.keys.revoke(key.record.id));
    await tellWorkers(io);
  };
  return { ...runningSystem(url, key.text), stop: () => (revoking ??= revoke()) };
}
