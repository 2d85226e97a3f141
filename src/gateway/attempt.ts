import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { codeOf, messageOf } from '../core/errors.ts';
import type { Timer } from '../core/clock.ts';
import type { Outcome } from './backend.ts';
import type { Underway } from './exchange.ts';
import { BodyAborted, BodyTooLarge, bodyTooLarge, clientClosed } from './request-body.ts';
import { readLoadReport } from './orca.ts';
import type { Permit, PermitUser } from './permit.ts';
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

/** Who made an attempt, and what it is told. */
export interface AttemptOwner {
  now(): number;
  /** The head of a reply is there, or there will be none. */
  answered(elapsedMs: number): void;
  /** Whether this reply is to be thrown away, as another attempt will follow. */
  discards(status: number, overloaded: boolean): boolean;
  /** An exception in one of the callbacks: the attempt ends, and its permit goes back. */
  bug(error: unknown): void;
  ended(end: AttemptEnd): void;
}

/** The gateway gave up waiting. */
export class UpstreamTimeout extends Error {}
/** The client has waited for as long as it said that it would. */
export class ClientDeadline extends Error {}
/** Another backend has answered the same request. */
export class Outpaced extends Error {}
/** The client left. */
class ClientGone extends Error {}

/** A backend that keeps sending 1xx replies never gets to its answer. */
const MAX_INFORMATIONAL = 16;

/** What is read of a reply that is thrown away, to keep the connection. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/** One request to one backend: an undici handler that feeds a sink and holds the permit until the last body byte. */
export class Attempt implements Dispatcher.DispatchHandler, Underway, PermitUser {
  /** Ends the wait for the head of the reply. */
  timer: Timer | undefined;
  readonly #permit: Permit;
  readonly #sink: Sink;
  readonly #owner: AttemptOwner;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelled: Error | undefined;
  #requestStarted = false;
  #replyStarted = false;
  #informational = 0;
  #outcome: Outcome = 'success';
  /** Bytes of a reply that is thrown away; undefined for one that is passed on. */
  #discarded: number | undefined;
  #settled = false;

  constructor(permit: Permit, sink: Sink, owner: AttemptOwner) {
    this.#permit = permit;
    this.#sink = sink;
    this.#owner = owner;
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
    try {
      this.#onResponseStart(controller, status, headers);
    } catch (error) {
      this.#bug(error, controller);
    }
  }

  #onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ReplyHeaders): void {
    if (status < 200) {
      if (++this.#informational > MAX_INFORMATIONAL) controller.abort(new Error('the backend sends 1xx replies only'));
      return;
    }
    const overloaded = this.#readHead(status, headers);
    if (this.#owner.discards(status, overloaded)) {
      this.#discarded = 0;
      return;
    }
    this.#replyStarted = true;
    this.#sink.head(status, headers);
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: ReplyHeaders,
    socket: Duplex,
  ): void {
    try {
      this.#onRequestUpgrade(controller, status, headers, socket);
    } catch (error) {
      socket.destroy();
      this.#bug(error, controller);
    }
  }

  #onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: ReplyHeaders,
    socket: Duplex,
  ): void {
    if (this.#sink.upgrade === undefined || status !== 101) {
      controller.abort(new Error('the backend switched protocols without being asked'));
      return;
    }
    this.#readHead(status, headers);
    this.#replyStarted = true;
    this.#sink.upgrade(headers, socket, () => this.#succeed());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    try {
      this.#onResponseData(controller, chunk);
    } catch (error) {
      this.#bug(error, controller);
    }
  }

  #onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#discarded !== undefined) {
      this.#discarded += chunk.length;
      if (this.#discarded > MAX_DISCARDED_BYTES) controller.abort(new Error('the error reply is too long to be read'));
      return;
    }
    if (!this.#sink.data(chunk, () => controller.resume())) controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    try {
      this.#onResponseEnd();
    } catch (error) {
      this.#bug(error, controller);
    }
  }

  #onResponseEnd(): void {
    if (this.#settled) return;
    if (this.#discarded !== undefined) {
      this.#fail(new Error('the backend answered that it failed'));
      return;
    }
    this.#sink.end();
    this.#succeed();
  }

  /** Takes what the backend says of itself; whether it says that it has too much to do. */
  #readHead(status: number, headers: ReplyHeaders): boolean {
    const now = this.#owner.now();
    this.#answered(now);
    const report = headers['endpoint-load-metrics'];
    const load = typeof report === 'string' ? readLoadReport(report) : undefined;
    if (load !== undefined) this.#permit.reported(load, now);
    if (status < 500 && status !== 429) return false;
    const asksForLess = headers['retry-after'] !== undefined || headers['x-rampart-overloaded'] !== undefined;
    const overloaded = status === 429 || (status === 503 && asksForLess);
    const retryAfterSeconds = Number(headers['retry-after']);
    if (retryAfterSeconds > 0) this.#permit.retryAfterMs = retryAfterSeconds * 1000;
    this.#outcome = overloaded ? 'refused' : 'failure';
    return overloaded;
  }

  #answered(now: number): void {
    this.timer?.cancel();
    if (this.#permit.headAt !== undefined) return;
    this.#permit.headAt = now;
    this.#owner.answered(now - this.#permit.startedAt);
  }

  #succeed(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#giveBack(this.#outcome);
    this.#owner.ended({ ok: true });
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    try {
      this.#fail(this.#cancelled ?? error);
    } catch (bug) {
      this.#bug(bug, controller);
    }
  }

  /** Whatever the release leads to elsewhere is no reason not to end. */
  #giveBack(outcome: Outcome): void {
    try {
      this.#permit.release(outcome);
    } catch (error) {
      this.#owner.bug(error);
    }
  }

  /** undici swallows what its handlers throw, and would leave the attempt without an end. */
  #bug(error: unknown, controller: Dispatcher.DispatchController): void {
    this.#owner.bug(error);
    this.timer?.cancel();
    if (this.#settled) return;
    this.#settled = true;
    this.#giveBack('aborted');
    this.#owner.ended({ ok: false, refusal: metBug, beforeConnection: false, replyStarted: this.#replyStarted });
    controller.abort(new Error('the gateway met a bug'));
  }

  #fail(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    const beforeConnection = !this.#requestStarted;
    const { refusal, outcome } = explain(error, beforeConnection);
    if (outcome === 'failure' && beforeConnection) this.#permit.backend.suspend();
    this.timer?.cancel();
    if (!this.#replyStarted && this.#permit.headAt === undefined) {
      this.#owner.answered(this.#owner.now() - this.#permit.startedAt);
    }
    this.#giveBack(outcome);
    this.#owner.ended({ ok: false, refusal, beforeConnection, replyStarted: this.#replyStarted });
  }
}

const metBug = new Refusal('internal-error', 'the gateway failed; its log has the reason under this request id');
const pastClientDeadline = new Refusal('deadline', 'the time that the client gave with x-deadline-ms is over');

function explain(error: Error, beforeConnection: boolean): { refusal: Refusal; outcome: Outcome } {
  if (error instanceof ClientGone || error instanceof BodyAborted) return { refusal: clientClosed, outcome: 'aborted' };
  if (error instanceof ClientDeadline) return { refusal: pastClientDeadline, outcome: 'aborted' };
  if (error instanceof Outpaced) return { refusal: clientClosed, outcome: 'outpaced' };
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
