import type { FleetNetwork } from '../network.ts';
import { PostgresNode } from './postgres-node.ts';
import { ValkeyNode } from './valkey-node.ts';

/** The servers that all hosts share beside the ledger: the PostgreSQL of keys, purges and batches, and the cache of replies. */
export class SharedServers {
  readonly postgres: PostgresNode;
  readonly cache: ValkeyNode;

  private constructor(postgres: PostgresNode, cache: ValkeyNode) {
    this.postgres = postgres;
    this.cache = cache;
  }

  static async place(network: FleetNetwork): Promise<SharedServers> {
    return new SharedServers(
      new PostgresNode(await network.add('postgres')),
      new ValkeyNode(await network.add('cache')),
    );
  }

  /** What a host must know to use them, and to have a worker of batches with a generator whose work costs nothing. */
  get env(): Record<string, string> {
    return {
      DATABASE_URL: this.postgres.url,
      VALKEY_CACHE_URL: this.cache.url,
      DATABASE_POOL_MAX: '4',
      GENERATOR_INSTANCES: '1',
      GENERATOR_KIND: 'calibrated',
      CALIBRATED_SERVICE_TIME_MS: '30',
      BATCH_WORKERS: '1',
    };
  }

  async start(): Promise<void> {
    await Promise.all([this.postgres.create().then(() => this.postgres.start()), this.startCache()]);
  }

  startCache(): Promise<void> {
    return this.cache.start({ isPersistent: false, needsReplica: false, evicts: true });
  }
}
