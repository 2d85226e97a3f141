import { FleetCacheHost } from './fleet-cache.ts';
import { startBackend } from './proxying.ts';
import { eventually } from './raw.ts';
import type { TestValkey } from './valkey-server.ts';

/** How long a host may use what it has stored without hearing of purges, and a second for a busy machine. */
export const APART_MS = 6000;

/** Two hosts that purge together. */
export interface FleetPair {
  readonly a: FleetCacheHost;
  readonly b: FleetCacheHost;
  /** The backend answers with this generation. */
  generation: number;
  /** Both workers of a host, as the generations that they answer with. */
  generations(host: FleetCacheHost, path?: string): Promise<string[]>;
  /** Waits until a purge reaches both hosts, and no others. */
  isWhole(): Promise<void>;
}

export async function startFleetPair(valkey: TestValkey): Promise<FleetPair> {
  const pair = { generation: 1 };
  const { origin } = await startBackend((_req, res) => void res.end(`${pair.generation}`));
  const start = (host: string): Promise<FleetCacheHost> =>
    FleetCacheHost.start({ host, valkeyUrl: valkey.url, origin });
  const [a, b] = [await start('a'), await start('b')];
  const isWhole = (): Promise<void> =>
    eventually('a purge reaches both hosts', async () => {
      const { status, body } = await a.purge({ host: 'nobody.example' });
      return status === 200 && body.hosts === 2;
    });
  await isWhole();
  const generations = async (host: FleetCacheHost, path = '/x'): Promise<string[]> =>
    (await host.ask(path)).map(({ body }) => body);
  return Object.assign(pair, { a, b, generations, isWhole });
}
