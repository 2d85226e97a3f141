import type { Random } from '../../src/core/random.ts';
import { type BatchCall, BatchClients } from './batch-clients.ts';
import type { BackendHost } from './members/backend-host.ts';
import type { GatewayHost } from './members/gateway-host.ts';
import type { SharedServers } from './members/shared-servers.ts';
import { PageClients, type PageReply, type PurgeCall } from './page-clients.ts';

/** What clients have seen of purges and batches, and what PostgreSQL has. */
export interface SharedHistory {
  readonly purges: readonly PurgeCall[];
  readonly pageReplies: readonly PageReply[];
  readonly batches: readonly BatchCall[];
  /** Texts of the barcodes that batches have made. */
  readonly records: readonly string[];
}

/** The load of what hosts share: pages that are read and purged, and batches. */
export class SharedLoad {
  readonly #servers: SharedServers;
  readonly #pages: PageClients;
  readonly #batches: BatchClients;

  /** Resolves when the load has begun. */
  static async start(
    hosts: readonly [GatewayHost, ...GatewayHost[]],
    { backend, servers, random }: { backend: BackendHost; servers: SharedServers; random: Random },
  ): Promise<SharedLoad> {
    const pages = new PageClients(hosts, backend, random);
    return new SharedLoad(servers, pages, new BatchClients(hosts, await hosts[0].createKey(), random));
  }

  private constructor(servers: SharedServers, pages: PageClients, batches: BatchClients) {
    this.#servers = servers;
    this.#pages = pages;
    this.#batches = batches;
  }

  /** Ends the load; resolves when every call has its answer and every batch its end. */
  async stop(): Promise<SharedHistory> {
    await Promise.all([this.#pages.stop(), this.#batches.stop()]);
    const rows = await this.#servers.postgres.query('SELECT text FROM barcodes');
    const { purges, replies: pageReplies } = this.#pages;
    return { purges, pageReplies, batches: this.#batches.calls, records: rows.map(({ text }) => String(text)) };
  }
}
