import { pino } from 'pino';
import { systemClock } from '../core/clock.ts';
import { Bugs } from '../metrics/bugs.ts';
import { Registry } from '../metrics/instruments.ts';
import type { FunctionLibrary, ValkeyClient } from '../store/valkey/valkey-client.ts';

/** How long the first attempt may take, all sentinels included. */
const PATIENCE_MS = 5000;
const POLL_MS = 10;

/** A connection for one command; `problem` says why there is none. The caller closes the client. */
export async function connectValkey(
  url: string,
  connectionName: string,
  libraries: readonly FunctionLibrary[] = [],
): Promise<{ readonly client: ValkeyClient; readonly problem: string | undefined }> {
  const { ValkeyClient: Client } = await import('../store/valkey/valkey-client.ts');
  const log = pino({ level: 'silent' });
  const bugs = new Bugs(log, new Registry());
  const client = new Client({ libraries, clock: systemClock, random: Math.random, log, bugs, url, connectionName });
  const giveUpAt = systemClock.now() + PATIENCE_MS;
  while (client.status().state === 'connecting' && systemClock.now() < giveUpAt)
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, POLL_MS));
  const { state, problem = `no answer in ${PATIENCE_MS} ms` } = client.status();
  return { client, problem: state === 'connected' ? undefined : problem };
}
