import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from '../core/node-http.ts';
import type { Clock } from '../core/clock.ts';
import { connectionsFor, descriptorLimit } from '../core/descriptors.ts';
import { AdminAccess } from './admin-access.ts';
import { isProblem } from './admin-change.ts';
import { findEndpoint, knownPaths } from './admin-endpoints.ts';
import { replyProblem } from './admin-reply.ts';
import type { AdminContext } from './admin-request.ts';
import type { AdminTokens } from './admin-tokens.ts';
import { ConsoleFiles, replyConsoleFile } from './console-files.ts';
import type { Control } from './control.ts';
import { EventHub } from './see/event-hub.ts';
import type { BatchOverview } from '../store/batches/batch-overview.ts';
import type { KeyStore } from '../store/keys.ts';
import type { LabRuns } from './lab-runs.ts';
import type { LiveSource } from './see/live-source.ts';

/** More than people, dashboards and scrapers of one host need. */
const MAX_ADMIN_CONNECTIONS = 256;
/** A connection without a request is closed after the time for the head, so that others find room. */
const limits = { requestTimeout: 10_000, headersTimeout: 5_000, connectionsCheckingInterval: 1000 };
const reads = ['GET', 'HEAD'];

export interface AdminOptions extends AdminTokens {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** What people see of the host; that of control, if not given. */
  readonly live?: LiveSource;
  /** Undefined: no database. */
  readonly keys: KeyStore | undefined;
  readonly batches: BatchOverview | undefined;
  readonly runs?: LabRuns;
}

/** The admin API and the console, on their own listener. */
export function startAdminServer(control: Control, options: AdminOptions): Promise<Server> {
  const { clock, live = control.observer, keys, batches, runs } = options;
  const events = new EventHub({ source: live, clock, bugs: control.bugs });
  const context = { control, access: new AdminAccess(clock, options), live, events, clock, keys, batches, runs };
  const files = new ConsoleFiles();
  const server = createServer(limits, (req, res) => void serve(context, files, req, res));
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
  context: AdminContext,
  files: ConsoleFiles,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  try {
    await answer(context, files, req, res);
  } catch (error) {
    const clientLeft = !req.complete && req.destroyed;
    if (!clientLeft) context.control.bugs.report('admin', error);
    if (res.headersSent) res.destroy();
    else {
      const detail = 'control failed to answer; its log has the reason';
      replyProblem(res, { status: 500, reason: 'internal-error', detail });
    }
  }
}

async function answer(
  context: AdminContext,
  files: ConsoleFiles,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const path = req.url?.split('?', 1)[0] ?? '';
  const method = req.method ?? '';
  const caller = context.access.callerOf(req);
  if (isProblem(caller)) return replyProblem(res, caller);
  const file = reads.includes(method) ? files.find(path) : undefined;
  if (file !== undefined) return replyConsoleFile(file, req, res);
  const found = findEndpoint(path);
  const denied = found?.endpoint.isPublic === true ? undefined : context.access.refusalFor(caller, method);
  if (denied !== undefined) return replyProblem(res, denied);
  const methods = found?.endpoint.methods ?? reads;
  if (!methods.includes(method)) {
    res.setHeader('allow', methods.join(', '));
    const detail = `this path takes ${methods.join(', ')}`;
    return replyProblem(res, { status: 405, reason: 'method-not-allowed', detail });
  }
  if (found !== undefined) return found.endpoint.answer({ ...context, req, res, caller, parts: found.parts });
  return replyProblem(res, { status: 404, reason: 'not-found', detail: `the admin API has ${knownPaths()}` });
}
