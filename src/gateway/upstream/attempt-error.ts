import { codeOf, messageOf } from '../../core/errors.ts';
import type { Outcome } from './backend.ts';
import { ClientDeadline, ClientGone, NoStreamPlace, Superseded, UpstreamTimeout } from './cancellable.ts';
import { Refusal } from '../refusal.ts';
import { bodyTooLarge, clientClosed, clientTooSlow } from '../http/body-refusals.ts';
import { BodyAborted, BodyMetBug, BodyTooLarge, BodyTooSlow } from '../http/streamed-upload.ts';

/** A reply whose framing cannot be passed on. */
export class UnreadableReply extends Error {}

/** How far an attempt had come when it failed. */
export interface AttemptProgress {
  /** No connection was made, so the backend cannot have seen the request. */
  readonly beforeConnection: boolean;
  /** The backend has the whole request and has not answered. */
  readonly isWaiting: boolean;
}

/** The consequences of a failed attempt for the client and for the backend. */
export interface Explanation {
  readonly refusal: Refusal;
  readonly outcome: Outcome;
  /** Another backend would end the request the same way. */
  readonly isFinal: boolean;
}

export const metBug = new Refusal('internal-error', 'the gateway failed; its log has the reason under this request id');
export const noStreamPlace = new Refusal('overloaded', 'the upstream has as many open streams as it may have', {
  retryAfterSeconds: 5,
});
const pastClientDeadline = new Refusal('deadline', 'the time that the client gave with x-deadline-ms is over');
const timedOut = new Refusal('upstream-timeout', 'the backend did not answer in time', {
  proxyError: 'http_response_timeout',
});
const noDescriptors = new Refusal('overloaded', 'this worker has no file descriptor left for a connection', {
  retryAfterSeconds: 1,
});

/** System errors of our own `connect` that do not depend on the backend. */
const ownLimits: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRNOTAVAIL']);

export function explain(error: Error, { beforeConnection, isWaiting }: AttemptProgress): Explanation {
  const ended = (refusal: Refusal, outcome: Outcome, isFinal = true): Explanation => ({ refusal, outcome, isFinal });
  // A client that gives up on a backend which has the whole request may show that the backend is slow.
  const left = isWaiting && !beforeConnection ? 'abandoned' : 'aborted';
  if (error instanceof ClientGone) return ended(clientClosed, left);
  if (error instanceof ClientDeadline) return ended(pastClientDeadline, left);
  if (error instanceof BodyMetBug) return ended(metBug, 'aborted');
  if (error instanceof BodyAborted) return ended(clientClosed, 'aborted');
  if (error instanceof BodyTooSlow) return ended(clientTooSlow, 'aborted');
  if (error instanceof BodyTooLarge) return ended(bodyTooLarge(error.limitBytes), 'aborted');
  if (error instanceof Superseded) return ended(clientClosed, 'superseded');
  if (error instanceof NoStreamPlace) return ended(noStreamPlace, 'aborted');
  if (error instanceof UpstreamTimeout) return ended(timedOut, 'timeout');
  const code = codeOf(error);
  if (beforeConnection && code !== undefined && ownLimits.has(code)) return ended(noDescriptors, 'aborted');
  const detail = beforeConnection ? 'no connection to a backend could be made' : 'the backend failed while it answered';
  const proxyError = proxyErrorOf(error, code, beforeConnection);
  const refusal = new Refusal('upstream-failed', detail, { proxyError });
  // The backend has answered, with a larger head than is allowed. That fails this request, and does not count against
  // the backend.
  if (proxyError === 'http_response_header_section_size') return ended(refusal, 'aborted');
  return ended(refusal, 'failure', false);
}

/** The RFC 9209 §2.3 error type; addresses and messages of the backend stay inside. */
function proxyErrorOf(error: Error, code: string | undefined, beforeConnection: boolean): string {
  if (error instanceof UnreadableReply) return 'http_protocol_error';
  if (code === 'ECONNREFUSED') return 'connection_refused';
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'connection_timeout';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'http_response_header_section_size';
  if (code?.startsWith('HPE_') === true || /content-length|protocol/i.test(messageOf(error)))
    return 'http_protocol_error';
  if (code !== undefined && /^(?:CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code))
    return 'tls_certificate_error';
  if (code?.startsWith('ERR_SSL_') === true) return 'tls_protocol_error';
  return beforeConnection ? 'destination_unavailable' : 'connection_terminated';
}
