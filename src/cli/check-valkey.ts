import { connectValkey } from './valkey.ts';

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

const remarksOn = (policy: string): string[] =>
  policy === 'noeviction'
    ? []
    : [
        `the Valkey of VALKEY_URL has maxmemory-policy ${policy}: when its memory is full it drops leases and limits; set noeviction`,
      ];
