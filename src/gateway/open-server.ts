import type { Random } from '../core/random.ts';
import { Exchange } from './exchange.ts';
import type { GatewayContext } from './context.ts';
import type { WorkerVersion } from './worker-version.ts';
import { limitConnections } from './limits/connection-limit.ts';
import { Refusal } from './refusal.ts';
import { Http1Server } from './http1/server.ts';

/** The server of a worker. */
export type PublicServer = Http1Server;

/** Opens the server of a worker and connects it to the request path of the version that is in force. */
export function openServer(context: GatewayContext, random: Random, current: () => WorkerVersion): PublicServer {
  const { config, clock, metrics, bugs, isDraining } = context;
  const { KEEP_ALIVE_TIMEOUT_MS, CONNECTION_MAX_AGE_SECONDS } = config.env;
  const unmatched = metrics.endpoint('unmatched');
  const onOverflow = (): void => unmatched.countRejection('overloaded');
  const http1 = new Http1Server({
    clock,
    random,
    bugs,
    keepAliveTimeoutMs: KEEP_ALIVE_TIMEOUT_MS,
    maxAgeMs: CONNECTION_MAX_AGE_SECONDS * 1000,
    get maxPipelined() {
      return current().context.config.connections.maxPipelined;
    },
    isDraining,
    bindsHostToName: config.tls?.clientCaFile !== undefined,
    open: (transaction) => new Exchange(transaction, clock.now(), current().exchanges),
    start: (x) => current().begin(x),
    onMalformed: (reason) => {
      unmatched.countRejection(reason);
      unmatched.countStatus(new Refusal(reason, '').status);
    },
    onOverflow,
  });
  const maxPerAddress = (): number | undefined => current().context.config.connections.maxPerAddress;
  limitConnections(http1.server, { maxPerAddress, onRefused: onOverflow, bugs });
  return http1;
}
