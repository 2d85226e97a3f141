import type { AddressSet } from '../core/addresses.ts';
import type { Logger } from 'pino';
import type { Config } from '../config/model.ts';
import type { Clock } from '../core/clock.ts';
import type { RequestScope } from '../core/request-scope.ts';
import type { Random } from '../core/random.ts';
import type { IdempotencyStore } from '../store/idempotency.ts';
import type { BarcodeStore } from '../store/barcodes.ts';
import type { BatchStore } from '../store/batches/batches.ts';
import type { Ledger } from '../store/ledger.ts';
import type { AccessLog } from './access-log/access-log.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Compressions } from './compression/compressions.ts';
import type { Cache } from './cache/cache.ts';
import type { CachePeers } from './cache/cache-peers.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Limits } from './limits/open.ts';
import type { RecordPeers } from './record-peers.ts';
import type { RequestLog } from './request-log.ts';
import type { SlowReplies } from './http/slow-replies.ts';
import type { StoredTrust } from './stored-trust.ts';
import type { Tracer } from './traces/tracer.ts';
import type { Tunnels } from './websocket/tunnels.ts';
import type { Uploads } from './http/upload.ts';
import type { Upstream } from './upstream/upstream.ts';
import type { Service } from './upstream/layer.ts';

/** The parts of one worker that the steps of the path and the routes use. */
export interface GatewayContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly bugs: Bugs;
  readonly requestLog: RequestLog;
  /** Undefined where it is off. */
  readonly accessLog: AccessLog | undefined;
  /** Undefined where requests are not traced. */
  readonly tracer: Tracer | undefined;
  readonly metrics: GatewayMetrics;
  readonly limits: Limits;
  readonly storedTrust: StoredTrust;
  /** Steps 6 to 9, which ask a backend. */
  readonly stack: Service;
  readonly compressions: Compressions;
  readonly cache: Cache;
  readonly cachePeers: CachePeers;
  readonly upstreams: readonly Upstream[];
  readonly trustedProxies: AddressSet;
  readonly ledger: Ledger;
  readonly recordPeers: RecordPeers;
  /** Says for which request the store works. */
  readonly requestScope: RequestScope;
  readonly store: {
    readonly barcodes: BarcodeStore;
    readonly idempotency: IdempotencyStore;
    readonly batches: BatchStore;
  };
  readonly tunnels: Tunnels;
  readonly uploads: Uploads;
  readonly replies: SlowReplies;
  readonly isDraining: () => boolean;
}
