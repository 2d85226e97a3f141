import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config/model.ts';
import type { Random } from '../core/random.ts';
import type { Router } from './router.ts';
import { type ExchangeGateway, Exchange } from './exchange.ts';
import type { GatewayContext } from './context.ts';
import { limitConnections } from './limits/connection-limit.ts';
import { Refusal } from './refusal.ts';
import { endRequest, requestPath } from './request-path.ts';
import { Http1Server } from './http1/server.ts';

/** The server of a worker. */
export type PublicServer = Http1Server;

/** Opens the server of a worker and connects it to the request path. */
export function openServer(context: GatewayContext, router: Router, random: Random): PublicServer {
  const { config, clock, metrics, bugs, isDraining } = context;
  const { KEEP_ALIVE_TIMEOUT_MS, CONNECTION_MAX_AGE_SECONDS } = config.env;
  const unmatched = metrics.endpoint('unmatched');
  const ofExchanges = exchangeGatewayOf(context);
  const onOverflow = (): void => unmatched.countRejection('overloaded');
  const http1 = new Http1Server({
    clock,
    random,
    bugs,
    keepAliveTimeoutMs: KEEP_ALIVE_TIMEOUT_MS,
    maxAgeMs: CONNECTION_MAX_AGE_SECONDS * 1000,
    maxPipelined: config.connections.maxPipelined,
    isDraining,
    bindsHostToName: config.tls?.clientCaFile !== undefined,
    open: (transaction) => new Exchange(transaction, clock.now(), ofExchanges),
    start: (x) => void requestPath(x, context, router),
    onMalformed: (reason) => {
      unmatched.countRejection(reason);
      unmatched.countStatus(new Refusal(reason, '').status);
    },
    onOverflow,
  });
  limitConnections(http1.server, { maxPerAddress: config.connections.maxPerAddress, onRefused: onOverflow, bugs });
  return http1;
}

/** The parts that all exchanges of a worker share, whichever server opens them. */
export function exchangeGatewayOf(context: GatewayContext): ExchangeGateway {
  const { config, metrics, trustedProxies } = context;
  const { via, serverTiming } = config.headers;
  return {
    unmatched: metrics.endpoint('unmatched'),
    trustedProxies,
    viaName: via ? viaNameOf(config) : '',
    serverTiming,
    ended: (x) => endRequest(x, context),
  };
}

/** One name for all workers of a host, by which each recognises a request that one of them has forwarded. */
function viaNameOf({ dataDir, env }: Config): string {
  const digest = createHash('sha256').update(`${hostname()}\n${dataDir}\n${env.PORT}`).digest('hex');
  return `rampart-${digest.slice(0, 12)}`;
}
