import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config/model.ts';
import type { Random } from '../core/random.ts';
import type { Router } from './router.ts';
import { type ExchangeGateway, Exchange } from './http/exchange.ts';
import { ConnectionAges } from './http/connection-ages.ts';
import type { GatewayContext } from './context.ts';
import { limitConnections } from './limits/connection-limit.ts';
import { Refusal } from './refusal.ts';
import { requestPath } from './request-path.ts';
import { createHttpServer, dropConnection, type ServerHandlers } from './http/server.ts';

/** The server of a worker, whose requests go the request path. */
export function openServer(context: GatewayContext, router: Router, random: Random): Server {
  const { config, clock, metrics, bugs } = context;
  const { KEEP_ALIVE_TIMEOUT_MS, CONNECTION_MAX_AGE_SECONDS } = config.env;
  const ages = new ConnectionAges(CONNECTION_MAX_AGE_SECONDS * 1000, clock, random);
  const server = createHttpServer(handlersOf(context, router, ages), KEEP_ALIVE_TIMEOUT_MS);
  const opened = (socket: Socket): void => ages.opened(socket);
  server.on(
    'connection',
    bugs.guard('connection', opened, (socket) => void socket.destroy()),
  );
  const unmatched = metrics.endpoint('unmatched');
  limitConnections(server, { ...config.connections, onRefused: () => unmatched.countRejection('overloaded') });
  return server;
}

function handlersOf(context: GatewayContext, router: Router, ages: ConnectionAges): ServerHandlers {
  const { clock, connections, bugs } = context;
  const unmatched = context.metrics.endpoint('unmatched');
  const ofExchanges = exchangeGatewayOf(context, ages);
  return {
    isBusy: (socket) => connections.isBusy(socket),
    request: (req, res, expectsContinue) => {
      const x = new Exchange(req, res, clock.now(), ofExchanges);
      x.expectsContinue = expectsContinue;
      if (connections.enter(x)) return;
      unmatched.countRejection('overloaded');
      dropConnection(req.socket);
    },
    upgrade: (req, res, upgrade) => {
      const x = new Exchange(req, res, clock.now(), ofExchanges);
      x.upgrade = upgrade;
      x.closeAfterReply = true;
      connections.watchUpgrade(x);
      void requestPath(x, context, router);
    },
    malformed: (reason) => {
      unmatched.countRejection(reason);
      unmatched.countStatus(new Refusal(reason, '').status);
    },
    connect: (socket) => connections.abandon(socket),
    bug: (where, error) => bugs.report(where, error),
  };
}

function exchangeGatewayOf(context: GatewayContext, ages: ConnectionAges): ExchangeGateway {
  const { config, clock, metrics, trustedProxies, isDraining } = context;
  const { via, serverTiming } = config.headers;
  return {
    unmatched: metrics.endpoint('unmatched'),
    trustedProxies,
    isDraining,
    isOld: (connection) => ages.isOld(connection),
    viaName: via ? viaNameOf(config) : '',
    serverTiming,
    clock,
  };
}

/** One name for all workers of a host, by which they know a request that one of them has passed on. */
function viaNameOf({ dataDir, env }: Config): string {
  const digest = createHash('sha256').update(`${hostname()}\n${dataDir}\n${env.PORT}`).digest('hex');
  return `rampart-${digest.slice(0, 12)}`;
}
