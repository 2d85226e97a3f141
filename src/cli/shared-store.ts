import { usesSharedCache } from '../config/fleet.ts';
import type { ValkeyCache } from '../store/valkey/valkey-cache.ts';
import type { RoleContext } from './role.ts';

/** How long a request waits for the shared cache at most. */
const LOOK_UP_MS = 10;

/** The cache that hosts share; undefined if this host does not use it. Its code is loaded only where it is needed. */
export async function openSharedStore(context: RoleContext): Promise<ValkeyCache | undefined> {
  const { config, instance, clock, random, log, bugs } = context;
  const { VALKEY_CACHE_URL: url } = config.env;
  if (url === undefined || !usesSharedCache(config.env)) return undefined;
  const { ValkeyCache: Store } = await import('../store/valkey/valkey-cache.ts');
  const { ValkeyClient } = await import('../store/valkey/valkey-client.ts');
  const connectionName = `rampart-cache-${instance}`;
  // There may be two servers, and a line of the log must say which one is meant.
  const named = log.child({ setting: 'VALKEY_CACHE_URL' });
  const options = { url, libraries: [], clock, random, log: named, bugs, connectionName };
  return new Store(new ValkeyClient(options), LOOK_UP_MS);
}
