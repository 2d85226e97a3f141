import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Timer } from '../core/clock.ts';
import {
  type AttemptCancelled,
  ClientGone,
  explain,
  metBug,
  NoStreamPlace,
  UnreadableReply,
  UpstreamTimeout,
} from './attempt-error.ts';
import type { Outcome } from './backend.ts';
import type { Underway } from './exchange.ts';
import type { Idler, IdleWatch } from './idle-watch.ts';
import { readLoadReport } from './orca.ts';
import type { Permit, PermitUser } from './permit.ts';
import type { Refusal } from './refusal.ts';

/** The header fields of a reply, as undici parses them. */
export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Where a reply goes. */
export interface Sink {
  /** A 1xx reply before the final one. */
  informational?(status: number, headers: ReplyHeaders): void;
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
      /** Another backend would end it the same way. */
      readonly isFinal: boolean;
    };

/** Who made an attempt, and what it is told. */
export interface AttemptOwner {
  now(): number;
  /** Whether the client has sent all of its request. */
  readonly isRequestComplete: boolean;
  /** Longest silence within the body of a reply; `isEventStream`: as it says of itself. */
  idleTimeoutMs(isEventStream: boolean): number | undefined;
  /** The head of a reply is there, or there will be none. */
  answered(elapsedMs: number): void;
  /** Whether this reply is to be thrown away, as another attempt will follow. */
  discards(status: number, overloaded: boolean): boolean;
  /** An exception in one of the callbacks: the attempt ends, and its permit goes back. */
  bug(error: unknown): void;
  ended(end: AttemptEnd): void;
}

/** A backend that keeps sending 1xx replies never gets to its answer. */
const MAX_INFORMATIONAL = 16;

/** What is read of a reply that is thrown away, to keep the connection. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/** One request to one backend: an undici handler that feeds a sink and holds the permit until the last body byte. */
export class Attempt implements Dispatcher.DispatchHandler, Underway, PermitUser, Idler {
  /** Ends the wait for the head of the reply. */
  timer: Timer | undefined;
  lastByteAt = 0;
  idleTimeoutMs: number | undefined;
  isHeld = false;
  readonly #permit: Permit;
  readonly #sink: Sink;
  readonly #owner: AttemptOwner;
  readonly #idle: IdleWatch;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelled: Error | undefined;
  #requestStarted = false;
  #replyStarted = false;
  #informational = 0;
  #outcome: Outcome = 'success';
  /** Bytes of a reply that is thrown away; undefined for one that is passed on. */
  #discarded: number | undefined;
  #settled = false;
  /** Set while undici is made to drop the connection: the permit then waits for the backend to see it. */
  #cancelling: { outcome: Outcome | undefined } | undefined;

  constructor(permit: Permit, sink: Sink, owner: AttemptOwner, idle: IdleWatch) {
    this.#permit = permit;
    this.#sink = sink;
    this.#owner = owner;
    this.#idle = idle;
  }

  /** Gives the attempt up: closes its connection, or keeps it from being used if there is none yet. */
  cancel(reason: AttemptCancelled): void {
    if (this.#settled) return;
    this.#cancelled = reason;
    const controller = this.#controller;
    if (controller === undefined) {
      this.#fail(reason);
      return;
    }
    const cancelling: { outcome: Outcome | undefined } = { outcome: undefined };
    this.#cancelling = cancelling;
    const closed = this.#permit.backend.sockets.cancel(() => controller.abort(reason));
    this.#cancelling = undefined;
    if (cancelling.outcome !== undefined) this.#permit.release(cancelling.outcome, closed);
  }

  giveUp(): void {
    this.cancel(new ClientGone());
  }

  timeOutIdle(): void {
    this.cancel(new UpstreamTimeout());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#requestStarted = true;
    this.#permit.isSent = true;
    if (this.#cancelled !== undefined) controller.abort(this.#cancelled);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ReplyHeaders): void {
    try {
      if (status < 200) this.#takeInformational(controller, status, headers);
      else this.#takeHead(controller, status, headers);
    } catch (error) {
      this.#bug(error, controller);
    }
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: ReplyHeaders,
    socket: Duplex,
  ): void {
    try {
      this.#takeUpgrade(controller, status, headers, socket);
    } catch (error) {
      socket.destroy();
      this.#bug(error, controller);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    try {
      this.#takeData(controller, chunk);
    } catch (error) {
      this.#bug(error, controller);
    }
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    try {
      if (this.#settled) return;
      if (this.#discarded === undefined) {
        this.#sink.end();
        this.#succeed();
      } else this.#fail(new Error('the backend answered that it failed'));
    } catch (error) {
      this.#bug(error, controller);
    }
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    try {
      this.#fail(this.#cancelled ?? error);
    } catch (bug) {
      this.#bug(bug, controller);
    }
  }

  #takeInformational(controller: Dispatcher.DispatchController, status: number, headers: ReplyHeaders): void {
    if (++this.#informational > MAX_INFORMATIONAL) controller.abort(new Error('the backend sends 1xx replies only'));
    else this.#sink.informational?.(status, headers);
  }

  #takeHead(controller: Dispatcher.DispatchController, status: number, headers: ReplyHeaders): void {
    if (!isReadable(headers)) {
      this.#outcome = 'failure';
      controller.abort(new UnreadableReply('the backend encoded its reply in a way that cannot be passed on'));
      return;
    }
    const overloaded = this.#readHead(status, headers);
    if (this.#owner.discards(status, overloaded)) {
      this.#discarded = 0;
      return;
    }
    const isEventStream = isEventStreamHead(headers);
    if (isEventStream && !this.#permit.becomeStream()) {
      this.cancel(new NoStreamPlace());
      return;
    }
    this.#replyStarted = true;
    this.lastByteAt = this.#owner.now();
    this.idleTimeoutMs = this.#owner.idleTimeoutMs(isEventStream || this.#permit.isStream);
    this.#idle.add(this);
    this.#sink.head(status, headers);
  }

  #takeUpgrade(controller: Dispatcher.DispatchController, status: number, headers: ReplyHeaders, socket: Duplex): void {
    if (this.#sink.upgrade === undefined || status !== 101) {
      controller.abort(new Error('the backend switched protocols without being asked'));
      return;
    }
    this.#readHead(status, headers);
    this.#replyStarted = true;
    this.#sink.upgrade(headers, socket, () => this.#succeed());
  }

  #takeData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#discarded !== undefined) {
      this.#discarded += chunk.length;
      if (this.#discarded > MAX_DISCARDED_BYTES) controller.abort(new Error('the error reply is too long to be read'));
      return;
    }
    this.lastByteAt = this.#owner.now();
    const resume = (): void => {
      this.isHeld = false;
      this.lastByteAt = this.#owner.now();
      controller.resume();
    };
    if (this.#sink.data(chunk, resume)) return;
    this.isHeld = true;
    controller.pause();
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
    this.#idle.remove(this);
    this.#giveBack(this.#outcome);
    this.#owner.ended({ ok: true });
  }

  #fail(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#idle.remove(this);
    const beforeConnection = !this.#requestStarted;
    const isWaiting = this.#permit.headAt === undefined && this.#owner.isRequestComplete;
    const { refusal, outcome, isFinal } = explain(error, { beforeConnection, isWaiting });
    if (outcome === 'failure' && beforeConnection) this.#permit.backend.suspend();
    this.timer?.cancel();
    if (!this.#replyStarted && this.#permit.headAt === undefined) {
      this.#owner.answered(this.#owner.now() - this.#permit.startedAt);
    }
    if (this.#cancelling === undefined) this.#giveBack(outcome);
    else this.#cancelling.outcome = outcome;
    this.#owner.ended({ ok: false, refusal, beforeConnection, replyStarted: this.#replyStarted, isFinal });
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
    this.#idle.remove(this);
    if (this.#settled) return;
    this.#settled = true;
    this.#giveBack('aborted');
    const replyStarted = this.#replyStarted;
    this.#owner.ended({ ok: false, refusal: metBug, beforeConnection: false, replyStarted, isFinal: true });
    controller.abort(new Error('the gateway met a bug'));
  }
}

/** undici undoes `chunked` alone: what else a transfer coding has done to the body, the client would not hear of. */
function isReadable(headers: ReplyHeaders): boolean {
  const coding = headers['transfer-encoding'];
  return coding === undefined || (typeof coding === 'string' && coding.trim().toLowerCase() === 'chunked');
}

/** A reply without an end, which would hold a permit for as long as its client listens. */
export function isEventStreamHead(headers: ReplyHeaders): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && type.slice(0, 17).toLowerCase() === 'text/event-stream';
}
