import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { whoAsks } from './admin-access.ts';
import type { AdminProblem } from './admin-change.ts';
import { badBody, readJsonChange } from './admin-config.ts';
import { replyProblem } from './admin-reply.ts';
import type { AdminRequest } from './admin-request.ts';
import { rampSeconds } from './lab-runs.ts';

/** Load on a host that serves others, too: what a person can watch. */
const MOST_SECONDS = 900;
const MOST_PER_SECOND = 10_000;

const perSecond = z.number().min(1).max(MOST_PER_SECOND);
const rampBody = z
  .strictObject({
    from: perSecond.default(50),
    to: perSecond.default(300),
    by: perSecond.default(50),
    hold: z.number().min(1).max(60).default(5),
    gate: perSecond.optional(),
  })
  .refine(({ from, to }) => to >= from);

const help = `the body must be JSON such as {"from":50,"to":300,"by":50,"hold":5,"gate":200}: requests a second from 1 to ${MOST_PER_SECOND}, seconds of a step from 1 to 60`;
const noLab: AdminProblem = {
  status: 501,
  reason: 'not-implemented',
  detail: 'this control starts no runs of the lab',
};

/** GET /api/runs: the runs in the folder of this host, and the one that was started here. */
export async function listRuns({ runs }: AdminRequest): Promise<object | AdminProblem> {
  return runs === undefined ? noLab : { started_here: runs.progress, runs: await runs.list() };
}

/** POST /api/runs: a ramp against this host, one at a time. */
export async function startRun({ runs, req }: AdminRequest): Promise<object | AdminProblem> {
  if (runs === undefined) return noLab;
  const body = await readJsonChange(req);
  if ('problem' in body) return body.problem;
  const parsed = rampBody.safeParse(body.value);
  if (!parsed.success) return badBody(help);
  const order = { ...parsed.data, gate: parsed.data.gate ?? parsed.data.to };
  const seconds = rampSeconds(order);
  if (seconds > MOST_SECONDS) return badBody(`the steps take ${seconds} s; at most ${MOST_SECONDS} s are started here`);
  if (runs.start(order, whoAsks(req))) return { started_here: runs.progress };
  return { status: 409, reason: 'in-progress', detail: 'a run is under way: wait for its end, or cancel it' };
}

/** DELETE /api/runs: ends the run that is under way. */
export function cancelRun({ runs }: AdminRequest): object | AdminProblem {
  if (runs === undefined) return noLab;
  if (runs.cancel()) return { cancelled: true };
  return { status: 409, reason: 'not-found', detail: 'no run is under way' };
}

/** GET /api/runs/{id}/report: the page that the lab wrote, apart from everything else of this origin. */
export async function sendReport({ runs, res, parts }: AdminRequest): Promise<void> {
  const report = await runs?.report(parts[0] ?? '');
  if (report === undefined)
    return replyProblem(res, { status: 404, reason: 'not-found', detail: 'there is no report of this run' });
  return reply(res, report);
}

function reply(res: ServerResponse, report: string): void {
  res.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(report),
    'cache-control': 'no-store',
    'content-security-policy':
      "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:",
    'x-content-type-options': 'nosniff',
  });
  res.end(report);
}
