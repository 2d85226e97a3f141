import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { codeOf, messageOf } from '../core/errors.ts';
import type { Outcome, Permit } from './backend.ts';
import type { Underway } from './exchange.ts';
import { BodyAborted, BodyTooLarge, bodyTooLarge, clientClosed } from './request-body.ts';
import { Refusal } from './refusal.ts';

/** The header fields of a reply, as undici parses them. */
export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Where a reply goes. */
export interface Sink {
  head(status: number, headers: ReplyHeaders): void;
  /** False: the sink is full, and calls `resume` when it can take more. */
  data(chunk: Buffer, resume: () => void): boolean;
  end(): void;
  /** The backend has switched protocols: the connection is the sink's now, which calls `done` when it has closed. */
  upgrade?(headers: ReplyHeaders, socket: Duplex, done: () => void): void;
}

export type AttemptEnd =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly refusal: Refusal;
      readonly beforeConnection: boolean;
      readonly replyStarted: boolean;
    };

/** The gateway gave up waiting. */
export class UpstreamTimeout extends Error {}
/** The client left. */
class ClientGone extends Error {}

/** A backend that keeps sending 1xx replies never gets to its answer. */
const MAX_INFORMATIONAL = 16;

/** One request to one backend: an undici handler that feeds a sink and holds the permit until the last body byte. */
export class Attempt implements Dispatcher.DispatchHandler, Underway {
  readonly #permit: Permit;
  readonly #sink: Sink;
  readonly #settle: (end: AttemptEnd) => void;
  readonly #onHead: () => void;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelled: Error | undefined;
  #requestStarted = false;
  #replyStarted = false;
  #informational = 0;
  #status = 0;
  #settled = false;

  constructor(permit: Permit, sink: Sink, onHead: () => void, settle: (end: AttemptEnd) => void) {
    this.#permit = permit;
    this.#sink = sink;
    this.#onHead = onHead;
    this.#settle = settle;
  }

  /** Gives the attempt up: closes its connection, or keeps it from being used if there is none yet. */
  cancel(reason: Error): void {
    if (this.#settled) return;
    this.#cancelled = reason;
    if (this.#controller === undefined) this.#fail(reason);
    else this.#controller.abort(reason);
  }

  giveUp(): void {
    this.cancel(new ClientGone());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#requestStarted = true;
    if (this.#cancelled !== undefined) controller.abort(this.#cancelled);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ReplyHeaders): void {
    if (status < 200) {
      if (++this.#informational > MAX_INFORMATIONAL) controller.abort(new Error('the backend sends 1xx replies only'));
      return;
    }
    this.#replyStarted = true;
    this.#status = status;
    this.#onHead();
    this.#sink.head(status, headers);
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: ReplyHeaders,
    socket: Duplex,
  ): void {
    if (this.#sink.upgrade === undefined || status !== 101) {
      controller.abort(new Error('the backend switched protocols without being asked'));
      return;
    }
    this.#replyStarted = true;
    this.#status = status;
    this.#onHead();
    this.#sink.upgrade(headers, socket, () => this.#succeed());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#sink.data(chunk, () => controller.resume())) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    this.#sink.end();
    this.#succeed();
  }

  #succeed(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#permit.release(this.#status >= 500 ? (this.#status === 503 ? 'refused' : 'failure') : 'success');
    this.#settle({ ok: true });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(this.#cancelled ?? error);
  }

  #fail(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    const beforeConnection = !this.#requestStarted;
    const { refusal, outcome } = explain(error, beforeConnection);
    if (outcome === 'failure' && beforeConnection) this.#permit.backend.suspend();
    this.#permit.release(outcome);
    this.#settle({ ok: false, refusal, beforeConnection, replyStarted: this.#replyStarted });
  }
}

function explain(error: Error, beforeConnection: boolean): { refusal: Refusal; outcome: Outcome } {
  if (error instanceof ClientGone || error instanceof BodyAborted) return { refusal: clientClosed, outcome: 'aborted' };
  if (error instanceof BodyTooLarge) return { refusal: bodyTooLarge(error.limitBytes), outcome: 'aborted' };
  const code = codeOf(error);
  if (error instanceof UpstreamTimeout || code === 'UND_ERR_BODY_TIMEOUT') {
    const extras = { proxyError: 'http_response_timeout' };
    return {
      refusal: new Refusal('upstream-timeout', 'the backend did not answer in time', extras),
      outcome: 'timeout',
    };
  }
  const detail = beforeConnection ? 'no connection to a backend could be made' : 'the backend failed while it answered';
  const proxyError = proxyErrorOf(code, messageOf(error), beforeConnection);
  return { refusal: new Refusal('upstream-failed', detail, { proxyError }), outcome: 'failure' };
}

/** The RFC 9209 §2.3 error type; addresses and messages of the backend stay inside. */
function proxyErrorOf(code: string | undefined, message: string, beforeConnection: boolean): string {
  if (code === 'ECONNREFUSED') return 'connection_refused';
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'connection_timeout';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'http_response_header_section_size';
  if (code?.startsWith('HPE_') === true || /content-length|protocol/i.test(message)) return 'http_protocol_error';
  return beforeConnection ? 'destination_unavailable' : 'connection_terminated';
}
