import type { Random } from '../core/random.ts';
import { Exchange } from './exchange.ts';
import type { GatewayContext } from './context.ts';
import type { WorkerVersion } from './worker-version.ts';
import { limitConnections } from './limits/connection-limit.ts';
import { Http1Server } from './http1/server.ts';
import { Http2Server } from './http2/server.ts';
import type { SecureAcceptors } from './tls/tls-server.ts';

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
    onMalformed: (request) => {
      unmatched.countRejection(request.refusal.reason);
      unmatched.countStatus(request.refusal.status);
      current().context.accessLog?.writeUnparsed(request);
    },
    onOverflow,
  });
  const maxPerAddress = (): number | undefined => current().context.config.connections.maxPerAddress;
  limitConnections(http1.server, { maxPerAddress, onRefused: onOverflow, bugs });
  return http1;
}

/** A batch worker keeps its connections between chunks. */
const ITEM_KEEP_ALIVE_MS = 300_000;

/** The server for items of batches, whose only clients are the batch workers of this host. */
export function openItemServer(context: GatewayContext, random: Random, current: () => WorkerVersion): PublicServer {
  const { clock, bugs, isDraining } = context;
  return new Http1Server({
    clock,
    random,
    bugs,
    keepAliveTimeoutMs: ITEM_KEEP_ALIVE_MS,
    maxAgeMs: 0,
    maxPipelined: 1,
    isDraining,
    bindsHostToName: false,
    open: (transaction) => new Exchange(transaction, clock.now(), current().itemExchanges),
    start: (x) => current().beginItem(x),
    onMalformed: () => {},
    onOverflow: () => {},
  });
}

/** The servers that take the connections of the TLS listener, by the protocol that was chosen in the handshake. */
export function secureAcceptors(
  http1: PublicServer,
  context: GatewayContext,
  random: Random,
  current: () => WorkerVersion,
): SecureAcceptors {
  const { config, clock, metrics, bugs, isDraining } = context;
  const http2 = new Http2Server({
    clock,
    random,
    bugs,
    keepAliveTimeoutMs: config.env.KEEP_ALIVE_TIMEOUT_MS,
    maxAgeMs: config.env.CONNECTION_MAX_AGE_SECONDS * 1000,
    bindsHostToName: config.tls?.clientCaFile !== undefined,
    isDraining,
    open: (transaction) => new Exchange(transaction, clock.now(), current().exchanges),
    start: (x) => current().begin(x),
  });
  const maxPerAddress = (): number | undefined => current().context.config.connections.maxPerAddress;
  const onRefused = (): void => metrics.endpoint('unmatched').countRejection('overloaded');
  limitConnections(http2.server, { maxPerAddress, onRefused, bugs });
  return {
    mayUseHttp2: (address) => http2.floods.allows(address),
    accept: (socket, protocol) => (protocol === 'h2' ? http2 : http1).accept(socket),
    closeIdle() {
      http1.closeIdle();
      http2.closeIdle();
    },
    dropAll: () => http2.dropAll(),
    close: () => http2.close(),
  };
}
