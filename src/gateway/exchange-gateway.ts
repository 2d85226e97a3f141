import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config/model.ts';
import type { GatewayContext } from './context.ts';
import type { Exchange, ExchangeGateway } from './exchange.ts';

/** The parts that all exchanges of a version share, whichever server opens them. */
export function exchangeGatewayOf(context: GatewayContext, ended: (x: Exchange) => void): ExchangeGateway {
  const { config, metrics, trustedProxies } = context;
  const { via, serverTiming } = config.headers;
  return {
    unmatched: metrics.endpoint('unmatched'),
    trustedProxies,
    viaName: via ? viaNameOf(config) : '',
    serverTiming,
    ended,
  };
}

/** One name for all workers of a host, by which each recognises a request that one of them has forwarded. */
function viaNameOf({ dataDir, env }: Config): string {
  const digest = createHash('sha256').update(`${hostname()}\n${dataDir}\n${env.PORT}`).digest('hex');
  return `rampart-${digest.slice(0, 12)}`;
}
