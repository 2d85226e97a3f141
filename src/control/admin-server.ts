import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from '../core/node-http.ts';
import { connectionsFor, descriptorLimit } from '../core/descriptors.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { PROBLEM_CONTENT_TYPE, problemBody } from '../core/problem.ts';
import { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from '../metrics/exposition.ts';
import { changeCap } from './admin-cap.ts';
import type { AdminProblem } from './admin-change.ts';
import { changeBackends } from './admin-backends.ts';
import {
  changeReply,
  type ConfigReply,
  listVersions,
  putConfig,
  readConfig,
  reloadConfig,
  rollbackConfig,
} from './admin-config.ts';
import type { ReloadResult } from './config/change-request.ts';
import { purge } from './admin-purge.ts';
import type { Control } from './control.ts';

interface Endpoint {
  readonly methods: readonly string[];
  readonly answer: (control: Control, req: IncomingMessage, res: ServerResponse) => void | Promise<void>;
}

const reads = ['GET', 'HEAD'];

const endpoints: ReadonlyMap<string, Endpoint> = new Map([
  [
    '/api/status',
    {
      methods: reads,
      answer: (control, _req, res) => reply(res, 200, 'application/json', JSON.stringify(control.status())),
    },
  ],
  [
    '/api/cache/purge',
    { methods: ['POST'], answer: (control, req, res) => answerChange(purge(control, req), req, res) },
  ],
  ['/api/cap', { methods: ['POST'], answer: (control, req, res) => answerChange(changeCap(control, req), req, res) }],
  [
    '/api/config',
    {
      methods: [...reads, 'PUT'],
      answer: (control, req, res) =>
        req.method === 'PUT'
          ? answerConfig(putConfig(control.keeper, req), req, res)
          : answerConfig(readConfig(control.keeper, req), req, res),
    },
  ],
  [
    '/api/config/versions',
    {
      methods: reads,
      answer: (control, _req, res) => reply(res, 200, 'application/json', JSON.stringify(listVersions(control.keeper))),
    },
  ],
  [
    '/api/config/reload',
    { methods: ['POST'], answer: (control, req, res) => answerConfig(reloadConfig(control.keeper, req), req, res) },
  ],
  [
    '/api/config/rollback',
    { methods: ['POST'], answer: (control, req, res) => answerConfig(rollbackConfig(control.keeper, req), req, res) },
  ],
  [
    '/api/backends',
    { methods: ['POST'], answer: (control, req, res) => answerConfig(changeBackends(control.keeper, req), req, res) },
  ],
  [
    '/metrics',
    {
      methods: reads,
      answer: async (control, _req, res) =>
        reply(res, 200, PROMETHEUS_CONTENT_TYPE, renderPrometheus(await control.metrics())),
    },
  ],
  [
    '/healthz',
    { methods: reads, answer: (_control, _req, res) => reply(res, 200, 'application/json', '{"status":"ok"}') },
  ],
] satisfies [string, Endpoint][]);

/** More than people, dashboards and scrapers of one host need. */
const MAX_ADMIN_CONNECTIONS = 256;
/** A connection without a request is closed after the time for the head, so that others find room. */
const limits = { requestTimeout: 10_000, headersTimeout: 5_000, connectionsCheckingInterval: 1000 };

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
}

/** The admin API, on its own listener; most of it reads; the cache, caps and the configuration can be changed. */
export function startAdminServer(control: Control, options: AdminOptions): Promise<Server> {
  const server = createServer(limits, (req, res) => void serve(control, options, req, res));
  // Control needs descriptors for its workers and health checks, whoever connects here.
  const allowed = connectionsFor(descriptorLimit(), MAX_ADMIN_CONNECTIONS);
  server.maxConnections = Math.min(allowed ?? MAX_ADMIN_CONNECTIONS, MAX_ADMIN_CONNECTIONS);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, () => resolve(server));
  });
}

/** Answers a request; never rejects. */
async function serve(
  control: Control,
  options: AdminOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  try {
    await answer(control, options, req, res);
  } catch (error) {
    const clientLeft = !req.complete && req.destroyed;
    if (!clientLeft) control.bugs.report('admin', error);
    if (res.headersSent) res.destroy();
    else problem(res, 500, 'internal-error', 'control failed to answer; its log has the reason');
  }
}

async function answer(
  control: Control,
  options: AdminOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const denied = deny(options, req);
  if (denied !== undefined) return problem(res, denied.status, denied.reason, denied.detail);
  const endpoint = endpoints.get(req.url?.split('?', 1)[0] ?? '');
  const methods = endpoint?.methods ?? reads;
  if (!methods.includes(req.method ?? '')) {
    res.setHeader('allow', methods.join(', '));
    return problem(res, 405, 'method-not-allowed', `this path takes ${methods.join(', ')}`);
  }
  if (endpoint !== undefined) return endpoint.answer(control, req, res);
  const paths = [...endpoints.keys()];
  return problem(res, 404, 'not-found', `the admin API has ${paths.slice(0, -1).join(', ')} and ${paths.at(-1)}`);
}

async function answerConfig(
  answered: ConfigReply | ReloadResult | AdminProblem | Promise<ReloadResult | AdminProblem>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const result = await answered;
  const answer = 'etag' in result ? result : changeReply(result);
  if ('reason' in answer) return answerChange(Promise.resolve(answer), req, res);
  res.setHeader('etag', answer.etag);
  return reply(res, 200, 'application/json', JSON.stringify(answer.body));
}

async function answerChange(
  change: Promise<object | AdminProblem>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const result = await change;
  if (!('reason' in result)) return reply(res, 200, 'application/json', JSON.stringify(result));
  const { status, reason, detail, errors } = result;
  // The rest of the body will not be read.
  if (!req.complete) res.setHeader('connection', 'close');
  return problem(res, status, reason, detail, errors);
}

interface Denial {
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
}

/**
 * Without a token the listener is on loopback. A web page of another site could still reach it through a name that
 * resolves to this address (DNS rebinding); the Host header of such a request has that name.
 */
function deny({ token }: AdminOptions, req: IncomingMessage): Denial | undefined {
  if (token === undefined) {
    const host = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(req.headers.host ?? '')?.[1] ?? '';
    if (isLoopbackHost(host)) return undefined;
    return {
      status: 403,
      reason: 'forbidden',
      detail: 'without ADMIN_TOKEN the admin API answers to loopback names only',
    };
  }
  const presented = /^bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (presented !== undefined && equalSecrets(presented, token)) return undefined;
  return {
    status: 401,
    reason: 'unauthenticated',
    detail: 'the admin API takes Authorization: Bearer with ADMIN_TOKEN',
  };
}

/** Compares digests, so that the time of the comparison depends on neither length nor content. */
function equalSecrets(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

function problem(
  res: ServerResponse,
  status: number,
  reason: string,
  detail: string,
  errors?: readonly unknown[],
): void {
  if (status === 401) res.setHeader('www-authenticate', 'Bearer realm="rampart-admin"');
  reply(res, status, PROBLEM_CONTENT_TYPE, problemBody({ status, reason, title: reason, detail, errors }));
}

function reply(res: ServerResponse, status: number, contentType: string, body: string): void {
  res.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  res.end(body);
}
