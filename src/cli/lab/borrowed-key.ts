import { isLoopbackHost } from '../../core/loopback.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import type { Look } from '../../lab/system/look.ts';
import { runningSystem, type System } from '../../lab/system/system.ts';
import type { CommandIo } from '../io.ts';
import { tellWorkers, withRunningStore } from '../own-store.ts';

const APPLICATION = 'rampart-lab';
/** The lab asks for more than a client may: the limit of its key must not be what it measures. */
const UNLIMITED = { requestsPerSecond: 1_000_000, burst: 1_000_000 };

/** A Rampart that runs with this folder's database, with a key for this run alone: stopping it revokes the key. */
export async function systemWithBorrowedKey(
  { url, insecure }: { readonly url: string; readonly insecure: boolean },
  look: Look,
  io: CommandIo,
): Promise<System> {
  // A key of this database is nothing for a stranger's host, nor for a network in between.
  if (!isLoopbackHost(new URL(url).hostname)) {
    throw new UsageError(
      `Cannot make a key for the run, as --url is not on this machine, to which such a key is not sent: got '${url}'. Give --key-file or RAMPART_LAB_TOKEN`,
    );
  }
  // Nor for another service that listens here.
  if (!look.isRampart) {
    throw new UsageError(
      `Cannot make a key for the run, as nothing at ${new URL(url).origin} says that it is a Rampart (its /openapi.json would), and no key is sent to another service. Name its endpoints with --slo FILE --mix slo, each with a request, or give --key-file or RAMPART_LAB_TOKEN`,
    );
  }
  const key = await withRunningStore(io, APPLICATION, (store) =>
    store.keys.create('lab, for one run', { limit: UNLIMITED, priority: undefined }),
  );
  if (key === undefined) {
    throw new UsageError(
      'Cannot make a key for the run, as no database runs here: give --key-file or RAMPART_LAB_TOKEN, or set DATABASE_URL or RAMPART_DATA_DIR to that of the Rampart at --url',
    );
  }
  let revoking: Promise<void> | undefined;
  const revoke = async (): Promise<void> => {
    try {
      const result = await withRunningStore(io, APPLICATION, (store) => store.keys.revoke(key.record.id));
      if (result === undefined) throw new Error('its database does not run any more');
      await tellWorkers(io);
    } catch (error) {
      io.stderr.write(
        `rampart: the key of this run could not be revoked: ${messageOf(error)}. Do it with: rampart keys revoke ${key.record.id}\n`,
      );
    }
  };
  return { ...runningSystem(url, key.text, insecure), stop: () => (revoking ??= revoke()) };
}
