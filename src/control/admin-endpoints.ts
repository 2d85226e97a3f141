import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatFor } from '../metrics/exposition.ts';
import { changeBackends } from './admin-backends.ts';
import { cancelAnyBatch, listAllBatches } from './admin-batches.ts';
import { changeCap } from './admin-cap.ts';
import { type AdminProblem, isProblem } from './admin-change.ts';
import {
  changeReply,
  type ConfigReply,
  listVersions,
  putConfig,
  readConfig,
  reloadConfig,
  rollbackConfig,
} from './admin-config.ts';
import { answerDemand } from './admin-demand.ts';
import { openEvents } from './admin-events.ts';
import { readHistory } from './admin-history.ts';
import { changeHold } from './admin-holds.ts';
import { createKeyByAdmin, listKeys, revokeKey } from './admin-keys.ts';
import { purge } from './admin-purge.ts';
import { answerAlerts, answerDependency, answerHealth, answerSilences, answerSlo, endSilence } from './admin-see.ts';
import { replyProblem, replyText, replyValue } from './admin-reply.ts';
import type { AdminEndpoint, AdminRequest } from './admin-request.ts';
import { cancelRun, listRuns, sendReport, startRun } from './admin-runs.ts';
import { answerSession } from './admin-session.ts';
import type { ReloadResult } from './config/change-request.ts';

const reads = ['GET', 'HEAD'];
const changes = ['POST'];

export const adminEndpoints: readonly AdminEndpoint[] = [
  {
    path: '/api/session',
    methods: [...reads, 'POST', 'DELETE'],
    isPublic: true,
    answer: ({ access, caller, req, res }) => answerSession(access, caller, req, res),
  },
  { path: '/api/status', methods: reads, answer: ({ control, res }) => replyValue(res, control.status()) },
  { path: '/api/health', methods: reads, answer: answerHealth },
  { path: '/api/health/*', methods: reads, answer: answerDependency },
  { path: '/api/slo', methods: reads, answer: answerSlo },
  { path: '/api/alerts', methods: reads, answer: answerAlerts },
  { path: '/api/silences', methods: [...reads, 'POST'], answer: answerSilences },
  { path: '/api/silences/*', methods: ['DELETE'], answer: endSilence },
  { path: '/api/demand', methods: reads, answer: answerDemand },
  { path: '/api/events', methods: ['GET'], answer: openEvents },
  {
    path: '/api/history',
    methods: reads,
    answer: ({ live, req, res }) => answerWith(readHistory(live, req), req, res),
  },
  {
    path: '/api/cache/purge',
    methods: changes,
    answer: (request) => answerWith(purge(request), request.req, request.res),
  },
  {
    path: '/api/cap',
    methods: changes,
    answer: ({ control, req, res }) => answerWith(changeCap(control.upstreams, req), req, res),
  },
  {
    path: '/api/config',
    methods: [...reads, 'PUT'],
    answer: ({ control, req, res }) =>
      req.method === 'PUT'
        ? answerConfig(putConfig(control.keeper, req), req, res)
        : answerConfig(readConfig(control.keeper, req), req, res),
  },
  {
    path: '/api/config/versions',
    methods: reads,
    answer: ({ control, res }) => replyValue(res, listVersions(control.keeper)),
  },
  {
    path: '/api/config/reload',
    methods: changes,
    answer: ({ control, req, res }) => answerConfig(reloadConfig(control.keeper, req), req, res),
  },
  {
    path: '/api/config/rollback',
    methods: changes,
    answer: ({ control, req, res }) => answerConfig(rollbackConfig(control.keeper, req), req, res),
  },
  {
    path: '/api/backends',
    methods: changes,
    answer: ({ control, req, res }) => answerConfig(changeBackends(control.keeper, req), req, res),
  },
  ...['drain', 'undrain', 'eject'].map((verb): AdminEndpoint => ({
    path: `/api/backends/*/*/${verb}`,
    methods: changes,
    answer: ({ control, req, res, parts }) => answerWith(changeHold(control.upstreams, verb, parts, req), req, res),
  })),
  {
    path: '/api/keys',
    methods: [...reads, 'POST'],
    answer: (request) =>
      answerWith(
        request.req.method === 'POST' ? createKeyByAdmin(request) : listKeys(request),
        request.req,
        request.res,
      ),
  },
  {
    path: '/api/keys/*',
    methods: ['DELETE'],
    answer: (request) => answerWith(revokeKey(request), request.req, request.res),
  },
  {
    path: '/api/batches',
    methods: reads,
    answer: (request) => answerWith(listAllBatches(request), request.req, request.res),
  },
  {
    path: '/api/batches/*/cancel',
    methods: changes,
    answer: (request) => answerWith(cancelAnyBatch(request), request.req, request.res),
  },
  { path: '/api/runs', methods: [...reads, 'POST', 'DELETE'], answer: (request) => answerRuns(request) },
  { path: '/api/runs/*/report', methods: reads, answer: sendReport },
  {
    path: '/metrics',
    methods: reads,
    answer: async ({ control, req, res }) => {
      const format = formatFor(req.headers.accept);
      replyText(res, 200, format.contentType, format.render(await control.metrics()));
    },
  },
  { path: '/healthz', methods: reads, answer: ({ res }) => replyValue(res, { status: 'ok' }) },
];

/** The endpoint of a path, and the variable parts of the path. */
export function findEndpoint(
  path: string,
): { readonly endpoint: AdminEndpoint; readonly parts: readonly string[] } | undefined {
  const given = path.split('/');
  for (const endpoint of adminEndpoints) {
    const wanted = endpoint.path.split('/');
    if (wanted.length !== given.length) continue;
    if (!wanted.every((part, index) => part === '*' || part === given[index])) continue;
    const parts = given.filter((_part, index) => wanted[index] === '*').map(decoded);
    if (parts.every((part) => part !== undefined && part !== '')) return { endpoint, parts: parts as string[] };
  }
  return undefined;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** The paths, for people who have asked for another one. */
export function knownPaths(): string {
  const paths = adminEndpoints.map(({ path }) => path);
  return `${paths.slice(0, -1).join(', ')} and ${paths.at(-1)}`;
}

function answerRuns(request: AdminRequest): Promise<void> {
  const { req, res } = request;
  if (req.method === 'POST') return answerWith(startRun(request), req, res);
  return answerWith(req.method === 'DELETE' ? cancelRun(request) : listRuns(request), req, res);
}

async function answerConfig(
  answered: ConfigReply | ReloadResult | AdminProblem | Promise<ReloadResult | AdminProblem>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const result = await answered;
  const answer = 'etag' in result ? result : changeReply(result);
  if (isProblem(answer)) return answerWith(answer, req, res);
  res.setHeader('etag', answer.etag);
  return replyValue(res, answer.body);
}

async function answerWith(
  answered: object | AdminProblem | Promise<object | AdminProblem>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const result = await answered;
  // 200, unless the answer has set another status.
  if (!isProblem(result)) return replyValue(res, result, res.statusCode);
  // The rest of the body will not be read.
  if (!req.complete) res.setHeader('connection', 'close');
  return replyProblem(res, result);
}
