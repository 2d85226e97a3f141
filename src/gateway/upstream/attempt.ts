import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { type Cancellable, type Cancellation, NoStreamPlace, UpstreamTimeout } from './cancellable.ts';
import { explain, metBug, UnreadableReply } from './attempt-error.ts';
import type { Outcome } from './backend.ts';
import type { Idler } from './idle-watch.ts';
import type { Permit } from './permit.ts';
import type { AttemptTrace } from './call-trace.ts';
import { StreamedUpload } from '../http/streamed-upload.ts';
import { DiscardedReply } from './discarded-reply.ts';
import type { Answer, Failure, Reply } from './layer.ts';
import { isEventStream, isReadable, loadOf, retryAfterMs, saysOverloaded } from './reply-head.ts';
import type { ReplyHeaders, ReplySink } from './reply-sink.ts';
import type { UpstreamCall } from './upstream-call.ts';

/** Bounds the 1xx replies of a backend that never sends its final reply. */
const MAX_INFORMATIONAL = 16;

type Controller = Dispatcher.DispatchController;
/** How an attempt ended; undefined if the reply is complete. */
type End = { readonly failure: Failure | undefined };

/**
 * One request to one backend: an undici handler that returns a value for the head of the reply, and holds the permit
 * until the last byte. It buffers the bytes that arrive before the reply is passed on: at most those of one read of the
 * socket, because the layers above decide before the next read.
 */
export class Attempt implements Dispatcher.DispatchHandler, Reply, Cancellable, Idler {
  readonly kind = 'replied';
  status = 0;
  isOverloaded = false;
  execMs = 0;
  /** Whether the client has sent all of its request. */
  isRequestComplete = true;
  lastByteAt = 0;
  idleTimeoutMs: number | undefined;
  isHeld = false;
  span: AttemptTrace | undefined;
  readonly #call: UpstreamCall;
  readonly #permit: Permit;
  readonly #clock: Clock;
  readonly #answered = Promise.withResolvers<Answer>();
  /** Resolves when the head of a reply has arrived, or when none can arrive any more. */
  readonly answer = this.#answered.promise;
  readonly #early: Buffer[] = [];
  #headers: ReplyHeaders = {};
  #socket: Duplex | undefined;
  #controller: Controller | undefined;
  #sink: ReplySink | undefined;
  #cancelled: Error | undefined;
  #requestStarted = false;
  #hasHead = false;
  #informational = 0;
  #outcome: Outcome = 'success';
  #discarded: DiscardedReply | undefined;
  #end: End | undefined;
  #whenEnded: ((failure: Failure | undefined) => void) | undefined;
  /** Set while undici drops the connection. The permit is then held until the backend has closed its side. */
  #cancelling: { outcome: Outcome | undefined } | undefined;

  constructor(call: UpstreamCall, permit: Permit, clock: Clock) {
    this.#call = call;
    this.#permit = permit;
    this.#clock = clock;
  }

  passTo(sink: ReplySink): Promise<Failure | undefined> | Failure | undefined {
    try {
      this.#pass(sink);
    } catch (error) {
      this.#bug(error);
      return this.#failureOf(metBug, false, true);
    }
    return this.#ending();
  }

  discard(): void {
    if (this.#end !== undefined) return;
    this.#discarded = new DiscardedReply(this.#clock, () => this.cancel(new UpstreamTimeout()));
    for (const chunk of this.#early) this.#discarded.take(chunk);
  }

  /** Closes the connection, or prevents the use of one that is still being made. */
  cancel(reason: Cancellation): void {
    if (this.#end !== undefined) return;
    this.#cancelled = reason;
    const controller = this.#controller;
    if (controller === undefined) this.#fail(reason);
    else this.#drop(controller, reason);
    // undici would read the body once a connection is made, even for a cancelled request, so the body is destroyed.
    const { body } = this.#call;
    if (body instanceof StreamedUpload) body.destroy();
  }

  timeOutIdle(): void {
    this.cancel(new UpstreamTimeout());
  }

  onRequestStart(controller: Controller): void {
    try {
      this.#controller = controller;
      this.#requestStarted = true;
      this.#permit.isSent = true;
      if (this.#cancelled !== undefined) controller.abort(this.#cancelled);
    } catch (error) {
      this.#bug(error);
    }
  }

  onResponseStart(controller: Controller, status: number, headers: ReplyHeaders): void {
    this.#guard(() => {
      if (status < 200) this.#takeInformational(controller, status, headers);
      else this.#takeHead(controller, status, headers);
    });
  }

  onRequestUpgrade(controller: Controller, status: number, headers: ReplyHeaders, socket: Duplex): void {
    this.#guard(() => {
      if (this.#call.request.upgrade === undefined || status !== 101) {
        controller.abort(new Error('the backend switched protocols without being asked'));
        return;
      }
      this.#socket = socket;
      this.#answer(status, headers);
    });
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    try {
      if (this.#discarded !== undefined) this.#discarded.take(chunk);
      else if (this.#sink === undefined) this.#early.push(chunk);
      else this.#deliver(this.#sink, chunk, controller);
    } catch (error) {
      this.#bug(error);
    }
  }

  onResponseEnd(): void {
    this.#guard(() => {
      if (this.#end !== undefined) return;
      this.#sink?.end();
      this.#finish({ failure: undefined }, this.#outcome);
    });
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#guard(() => this.#fail(this.#cancelled ?? error));
  }

  #takeInformational(controller: Controller, status: number, headers: ReplyHeaders): void {
    // A 101 without a switch of protocols comes here, too.
    if (status < 100 || status === 101) controller.abort(new UnreadableReply(`the backend sent a status ${status}`));
    else if (++this.#informational > MAX_INFORMATIONAL)
      controller.abort(new Error('the backend sends 1xx replies only'));
    else this.#call.inform(status, headers);
  }

  #takeHead(controller: Controller, status: number, headers: ReplyHeaders): void {
    if (isReadable(headers)) {
      this.#answer(status, headers);
      return;
    }
    this.#outcome = 'failure';
    controller.abort(new UnreadableReply('the backend encoded its reply in a way that cannot be passed on'));
  }

  #answer(status: number, headers: ReplyHeaders): void {
    const now = this.#clock.now();
    this.#hasHead = true;
    this.status = status;
    this.#headers = headers;
    this.#permit.headAt = now;
    this.execMs = now - this.#permit.startedAt;
    this.#readSelfReport(status, headers, now);
    this.#answered.resolve(this);
  }

  /** Records the load that the backend reports, and decides how this reply counts. */
  #readSelfReport(status: number, headers: ReplyHeaders, now: number): void {
    const load = loadOf(headers);
    if (load !== undefined) this.#permit.reported(load, now);
    if (status < 500 && status !== 429) return;
    this.isOverloaded = saysOverloaded(status, headers);
    this.#permit.retryAfterMs = retryAfterMs(headers);
    this.#outcome = this.isOverloaded ? 'refused' : 'failure';
  }

  #pass(sink: ReplySink): void {
    if (this.#end?.failure !== undefined) return;
    if (this.#socket !== undefined) {
      sink.upgrade?.(this.#headers, this.#socket, () => this.#finish({ failure: undefined }, this.#outcome));
      return;
    }
    const hasNoEnd = !this.#call.request.streamsAreWork && isEventStream(this.#headers);
    if (hasNoEnd && this.#end === undefined && !this.#permit.becomeStream()) {
      this.cancel(new NoStreamPlace());
      return;
    }
    this.#sink = sink;
    sink.head(this.status, this.#headers);
    for (const chunk of this.#early) this.#deliver(sink, chunk, this.#controller as Controller);
    if (this.#end === undefined) this.#watchSilence(hasNoEnd || this.#permit.isStream);
    else if (this.#end.failure === undefined) sink.end();
  }

  #deliver(sink: ReplySink, chunk: Buffer, controller: Controller): void {
    if (this.#end?.failure !== undefined) return;
    this.lastByteAt = this.#clock.now();
    const resume = (): void => {
      this.isHeld = false;
      this.lastByteAt = this.#clock.now();
      controller.resume();
    };
    if (sink.data(chunk, resume)) return;
    this.isHeld = true;
    controller.pause();
  }

  #watchSilence(isStream: boolean): void {
    const { upstream, idleTimeoutMs } = this.#call.request;
    this.lastByteAt = this.#clock.now();
    this.idleTimeoutMs = idleTimeoutMs ?? (isStream ? undefined : upstream.idleTimeoutMs);
    upstream.idle.add(this);
  }

  #drop(controller: Controller, reason: Error): void {
    const cancelling: { outcome: Outcome | undefined } = (this.#cancelling = { outcome: undefined });
    const closed = this.#permit.backend.sockets.cancel(() => controller.abort(reason));
    this.#cancelling = undefined;
    if (cancelling.outcome !== undefined) this.#permit.release(cancelling.outcome, closed);
  }

  #fail(error: Error): void {
    if (this.#end !== undefined) return;
    const beforeConnection = !this.#requestStarted;
    const isWaiting = !this.#hasHead && this.isRequestComplete;
    const { refusal, outcome, isFinal } = explain(error, { beforeConnection, isWaiting });
    if (outcome === 'failure' && beforeConnection) this.#permit.backend.suspend();
    this.#finish({ failure: this.#failureOf(refusal, beforeConnection, isFinal) }, outcome);
  }

  #failureOf(refusal: Failure['refusal'], beforeConnection: boolean, isFinal: boolean): Failure {
    if (!this.#hasHead) this.execMs = this.#clock.now() - this.#permit.startedAt;
    return { kind: 'failed', refusal, execMs: this.execMs, beforeConnection, replyStarted: this.#hasHead, isFinal };
  }

  /**
   * Ends the attempt. The permit goes back first, and an exception that this causes elsewhere must not keep the attempt
   * from ending.
   */
  #finish(end: End, outcome: Outcome): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#discarded?.end();
    this.#call.request.upstream.idle.remove(this);
    if (this.#cancelling === undefined) this.#giveBack(outcome);
    else this.#cancelling.outcome = outcome;
    this.span?.end(this.#clock.now(), this.status, end.failure?.refusal, outcome === 'superseded');
    if (end.failure !== undefined && !this.#hasHead) this.#answered.resolve(end.failure);
    this.#whenEnded?.(end.failure);
  }

  #giveBack(outcome: Outcome): void {
    try {
      this.#permit.release(outcome);
    } catch (error) {
      this.#report(error);
    }
  }

  #ending(): Promise<Failure | undefined> | Failure | undefined {
    if (this.#end !== undefined) return this.#end.failure;
    return new Promise((resolve) => {
      this.#whenEnded = resolve;
    });
  }

  /** undici swallows the exceptions of its handlers, so an attempt would never end. */
  #guard(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#bug(error);
    }
  }

  #bug(error: unknown): void {
    this.#report(error);
    this.#socket?.destroy();
    if (this.#end !== undefined) return;
    this.#finish({ failure: this.#failureOf(metBug, false, true) }, 'aborted');
    this.#controller?.abort(new Error('the gateway met a bug'));
  }

  #report(error: unknown): void {
    const { request, caller } = this.#call;
    request.upstream.bugs.report('attempt', error, { requestId: caller.id });
  }
}
