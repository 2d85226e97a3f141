import { pino } from 'pino';
import { systemClock } from '../core/clock.ts';
import { Bugs } from '../metrics/bugs.ts';
import { Registry } from '../metrics/instruments.ts';

/** What is known of Valkey. */
export interface ValkeyCheck {
  /** Its version and its policy for a full memory; undefined if it cannot be used. */
  readonly server: string | undefined;
  readonly remarks: readonly string[];
}

/** How long the first attempt may take, all sentinels included. */
const PATIENCE_MS = 5000;
const POLL_MS = 10;

/** Whether VALKEY_URL can be used; undefined where it is not set. Not an error, because a host also runs without Valkey. */
export async function checkValkey(url: string | undefined): Promise<ValkeyCheck | undefined> {
  if (url === undefined) return undefined;
  const { ValkeyClient } = await import('../store/valkey/valkey-client.ts');
  const log = pino({ level: 'silent' });
  const bugs = new Bugs(log, new Registry());
  const common = { libraries: [], clock: systemClock, random: Math.random, log, bugs };
  const client = new ValkeyClient({ ...common, url, connectionName: 'rampart-check' });
  try {
    const giveUpAt = systemClock.now() + PATIENCE_MS;
    while (client.status().state === 'connecting' && systemClock.now() < giveUpAt)
      await new Promise<void>((resolve) => systemClock.setTimeout(resolve, POLL_MS));
    const { server } = client;
    if (server === undefined) {
      const { problem = `no answer in ${PATIENCE_MS} ms` } = client.status();
      return { server, remarks: [`VALKEY_URL cannot be used at present: ${problem}`] };
    }
    const { version, maxMemoryPolicy = 'unknown' } = server;
    return { server: `${version}, maxmemory-policy ${maxMemoryPolicy}`, remarks: remarksOn(maxMemoryPolicy) };
  } finally {
    client.close();
  }
}

const remarksOn = (policy: string): string[] =>
  policy === 'noeviction'
    ? []
    : [
        `the Valkey of VALKEY_URL has maxmemory-policy ${policy}: when its memory is full it drops leases and limits; set noeviction`,
      ];
