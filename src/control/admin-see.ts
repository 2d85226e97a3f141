import type { AdminProblem } from './admin-change.ts';
import { isProblem } from './admin-change.ts';
import type { AdminRequest } from './admin-request.ts';
import { replyProblem, replyValue } from './admin-reply.ts';
import { readSilence, shownSilence } from './alerts/silence-request.ts';
import { healthCode, healthReport, overallHealth } from './see/health-report.ts';

/** GET /api/health: 503 if something that the host needs is down. */
export function answerHealth({ control, res }: AdminRequest): void {
  const dependencies = healthReport(control);
  const status = overallHealth(dependencies);
  replyValue(res, { status, dependencies }, status === 'down' ? 503 : 200);
}

/** GET /api/health/NAME: 200, 503 if it is down, 501 if it is not installed. */
export function answerDependency({ control, res, parts: [name = ''] }: AdminRequest): void {
  const all = healthReport(control);
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return replyValue(res, found, healthCode(found));
  const detail = `there is no dependency '${name}'; there are ${all.map((one) => one.name).join(', ')}`;
  return replyProblem(res, { status: 404, reason: 'not-found', detail });
}

/** GET /api/slo: 501 without an SLO file. */
export function answerSlo({ control, res }: AdminRequest): void {
  const status = control.observer.slo();
  if (status !== undefined) return replyValue(res, status);
  const detail = 'there is no SLO file; set RAMPART_SLO, or write slo.yaml, and restart control';
  return replyProblem(res, { status: 501, reason: 'not-implemented', detail });
}

/** GET /api/alerts: what fires, silenced or not. */
export function answerAlerts({ control, res }: AdminRequest): void {
  const alerts = control.alerts.alerts.map((alert) => ({
    fingerprint: alert.fingerprint,
    labels: alert.labels,
    annotations: alert.annotations,
    starts_at: new Date(alert.startsAtMs).toISOString(),
    ends_at: alert.endsAtMs === undefined ? null : new Date(alert.endsAtMs).toISOString(),
    silenced: alert.isSilenced,
    told: alert.told,
  }));
  replyValue(res, { alerts });
}

/** GET and POST /api/silences. */
export async function answerSilences({ control, req, res, clock }: AdminRequest): Promise<void> {
  if (req.method !== 'POST') return replyValue(res, { silences: control.alerts.silences.map(shownSilence) });
  const silence = await readSilence(req, clock.wallNow());
  if (isProblem(silence)) {
    // The rest of the body will not be read.
    if (!req.complete) res.setHeader('connection', 'close');
    return replyProblem(res, silence);
  }
  control.alerts.addSilence(silence);
  return replyValue(res, shownSilence(silence), 201);
}

/** DELETE /api/silences/ID. */
export function endSilence({ control, res, parts: [id = ''] }: AdminRequest): void {
  if (control.alerts.endSilence(id)) return replyValue(res, { ended: id });
  const problem: AdminProblem = { status: 404, reason: 'not-found', detail: `there is no silence '${id}'` };
  return replyProblem(res, problem);
}
