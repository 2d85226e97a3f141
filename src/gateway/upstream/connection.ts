import type { Clock } from '../../core/clock.ts';
import { UpstreamTimeout } from './cancellable.ts';
import type { Permit } from './permit.ts';
import { StreamedUpload } from '../http/streamed-upload.ts';
import { Attempt } from './attempt.ts';
import type { CallTrace } from './call-trace.ts';
import type { Service } from './layer.ts';
import type { UpstreamCall } from './upstream-call.ts';

/** Sends a call that has a permit to its backend, on one of its kept connections or on a new one. */
export const connection =
  (clock: Clock): Service =>
  (call) => {
    const { request, permit } = call;
    if (permit === undefined) throw new Error('a call needs a permit before it can be sent');
    const { method, path, headers, upgrade, body } = request;
    call.body = typeof body === 'function' ? body() : body;
    const attempt = new Attempt(call, permit, clock);
    call.current = attempt;
    permit.user = attempt;
    passDeadlineOn(call, permit, attempt);
    if (call.caller.trace !== undefined) traceAttempt(call, permit, attempt, call.caller.trace);
    permit.backend.pool.dispatch(
      {
        method,
        path,
        headers,
        body: call.body,
        // Otherwise undici takes the name from the client's Host, and drops its connections whenever that changes.
        servername: permit.backend.hostname,
        ...(upgrade === undefined ? {} : { upgrade }),
      } as Parameters<typeof permit.backend.pool.dispatch>[0],
      attempt,
    );
    return attempt.answer;
  };

/** Sends the remaining time to the backend. While the client is still sending, the deadline does not run. */
function passDeadlineOn(call: UpstreamCall, permit: Permit, attempt: Attempt): void {
  const { body, deadline, request } = call;
  if (deadline === undefined) return;
  if (!(body instanceof StreamedUpload)) {
    setLine(request.headers, 'x-deadline-ms', String(Math.ceil(Math.max(1, deadline.at - permit.startedAt))));
    return;
  }
  deadline.stop();
  attempt.isRequestComplete = false;
  body.onStalled = () => {
    if (permit.headAt === undefined) call.cancel(new UpstreamTimeout());
  };
  body.onComplete = () => {
    attempt.isRequestComplete = true;
    if (permit.headAt === undefined) deadline.restart(request.timeoutMs);
  };
}

/** The backend's own spans become children of the attempt. */
function traceAttempt({ caller, request }: UpstreamCall, permit: Permit, attempt: Attempt, trace: CallTrace): void {
  const { method, path, upstream, headers } = request;
  const { id, origin } = permit.backend;
  const target = { method, path, upstream: upstream.name, backend: id, origin };
  attempt.span = trace.attempt(target, permit.startedAt, caller.attempts - 1);
  setLine(headers, 'traceparent', attempt.span.traceparent);
}

/** The attempts of a call share its header lines, so the next one overwrites the line of this one. */
function setLine(headers: string[], name: string, value: string): void {
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    if (headers[index] !== name) continue;
    headers[index + 1] = value;
    return;
  }
  headers.push(name, value);
}
