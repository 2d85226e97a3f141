import type { ValkeyClient } from './valkey-client.ts';
import type { ValkeyCommand } from './valkey-connection.ts';
import { ValkeyUnavailable } from './valkey-unavailable.ts';

/** A value of the shared cache. */
export interface CachedValue {
  readonly value: Buffer;
  /** How long the server still keeps it, by its clock. */
  readonly leftMs: number;
}

/** A value to write, and how long the server keeps it. */
export interface CacheWrite {
  readonly key: string;
  readonly value: Buffer;
  readonly lifeMs: number;
}

/** More than hosts write. Of a larger value, which somebody else has written, only so much is read. */
const MOST_BYTES = 512 * 1024;
/** Of numbers, errors and the like. */
const MOST_SHORT_BYTES = 64 * 1024;
/** Read in the place of a list and the like. */
const notOurs = Buffer.alloc(1);

/** The Valkey of VALKEY_CACHE_URL. Everything rejects with a ValkeyUnavailable. */
export class ValkeyCache {
  /** How long a look-up may take, however many reads it needs. */
  readonly lookUpMs: number;
  readonly #client: ValkeyClient;

  constructor(client: ValkeyClient, lookUpMs: number) {
    this.#client = client;
    this.lookUpMs = lookUpMs;
  }

  /** Undefined if there is none, and cut or without a meaning if it is not of this cache. The time comes first: a value that is written between both commands then looks older than it is. */
  async read(key: string, limitMs: number): Promise<CachedValue | undefined> {
    const [leftMs, value] = await this.#client.bytes(
      [
        ['PTTL', key],
        ['GETRANGE', key, 0, MOST_BYTES - 1],
      ],
      limitMs,
      MOST_BYTES + MOST_SHORT_BYTES,
    );
    // It is a list or the like. That says nothing of the server.
    if (value instanceof ValkeyUnavailable && value.message.includes('WRONGTYPE')) return { value: notOurs, leftMs: 0 };
    for (const answer of [leftMs, value]) if (answer instanceof ValkeyUnavailable) throw answer;
    if (!Buffer.isBuffer(value) || typeof leftMs !== 'number')
      throw new ValkeyUnavailable('refused', 'it gave no value that can be read');
    return value.length === 0 ? undefined : { value, leftMs };
  }

  async write(writes: readonly CacheWrite[], limitMs: number): Promise<void> {
    await this.#bytes(
      writes.map(({ key, value, lifeMs }): ValkeyCommand => ['SET', key, value, 'PX', lifeMs]),
      limitMs,
    );
  }

  async remove(key: string): Promise<void> {
    await this.#bytes([['UNLINK', key]]);
  }

  close(): void {
    this.#client.close();
  }

  async #bytes(commands: readonly ValkeyCommand[], limitMs?: number): Promise<unknown[]> {
    const answers = await this.#client.bytes(commands, limitMs, MOST_SHORT_BYTES);
    const refused = answers.find((answer) => answer instanceof ValkeyUnavailable);
    if (refused !== undefined) throw refused;
    return answers;
  }
}
