import { connectValkey } from './valkey.ts';

type ConnectedValkey = Awaited<ReturnType<typeof connectValkey>>;

/** The version and the settings of Valkey. */
export interface ValkeyCheck {
  /** Its version and its policy for a full memory; undefined if it cannot be used. */
  readonly server: string | undefined;
  readonly remarks: readonly string[];
}

/** Whether VALKEY_URL can be used; undefined where it is not set. Not an error, because a host also runs without Valkey. */
export async function checkValkey(url: string | undefined): Promise<ValkeyCheck | undefined> {
  if (url === undefined) return undefined;
  const { client, problem } = await connectValkey(url, 'rampart-check');
  try {
    const { server } = client;
    if (server === undefined) return { server, remarks: [`VALKEY_URL cannot be used at present: ${problem}`] };
    const { version, maxMemoryPolicy = 'unknown' } = server;
    return { server: `${version}, maxmemory-policy ${maxMemoryPolicy}`, remarks: remarksOn(maxMemoryPolicy) };
  } finally {
    client.close();
  }
}

/** Whether VALKEY_CACHE_URL can be used, and is a server of its own that evicts; undefined where it is not set. */
export async function checkValkeyCache(
  url: string | undefined,
  ledgerUrl: string | undefined,
): Promise<ValkeyCheck | undefined> {
  if (url === undefined) return undefined;
  if (ledgerUrl === undefined)
    return {
      server: undefined,
      remarks: ['VALKEY_CACHE_URL has no effect without VALKEY_URL, as purges would not reach the shared cache'],
    };
  const [cache, ledger] = await Promise.all([url, ledgerUrl].map((one) => connectValkey(one, 'rampart-check')));
  const { server } = (cache as ConnectedValkey).client;
  const { runId } = (ledger as ConnectedValkey).client;
  for (const one of [cache, ledger]) one?.client.close();
  if (server === undefined)
    return { server, remarks: [`VALKEY_CACHE_URL cannot be used at present: ${cache?.problem}`] };
  const { version, maxMemoryPolicy = 'unknown', maxMemoryBytes } = server;
  const remarks = [
    ...(server.runId === runId
      ? ['VALKEY_CACHE_URL and VALKEY_URL name the same server: leases must not be evicted, so take two servers']
      : []),
    ...(maxMemoryBytes === 0
      ? [
          'the Valkey of VALKEY_CACHE_URL has maxmemory 0: it evicts nothing, and takes all memory of its machine; set maxmemory, such as 1gb',
        ]
      : []),
    ...(maxMemoryPolicy === 'noeviction'
      ? [
          'the Valkey of VALKEY_CACHE_URL has maxmemory-policy noeviction: when its memory is full it stores nothing; set allkeys-lru',
        ]
      : []),
  ];
  return { server: `${version}, maxmemory-policy ${maxMemoryPolicy}`, remarks };
}

const remarksOn = (policy: string): string[] =>
  policy === 'noeviction'
    ? []
    : [
        `the Valkey of VALKEY_URL has maxmemory-policy ${policy}: when its memory is full it drops leases and limits; set noeviction`,
      ];
