import { Readable } from 'node:stream';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { BodyReceiver, ClientRequest } from './client-request.ts';
import { streamedPace, UploadPace } from './upload-pace.ts';

/** The client sent more than the route accepts. */
export class BodyTooLarge extends Error {
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(`the body is larger than ${limitBytes} bytes`);
    this.limitBytes = limitBytes;
  }
}

/** The client left before its body was complete. */
export class BodyAborted extends Error {}

/** The gateway failed while it read the body; the exception has been reported. */
export class BodyMetBug extends Error {}

/** The client sends its body too slowly. */
export class BodyTooSlow extends Error {}

/**
 * The body of a request that is forwarded while it arrives. It is bounded, and read only as fast as the backend takes
 * it. It is not touched before the first read, so an attempt whose connection fails leaves it complete for the next
 * one.
 */
export class StreamedUpload extends Readable implements BodyReceiver {
  /** Called when the body is complete. */
  onComplete: (() => void) | undefined;
  /** Called when the backend has taken nothing for `stallMs` although more bytes have arrived. */
  onStalled: (() => void) | undefined;
  readonly #request: ClientRequest;
  readonly #limitBytes: number;
  readonly #stallMs: number;
  readonly #clock: Clock;
  readonly #bugs: Bugs;
  #stall: Timer | undefined;
  #pace: UploadPace | undefined;
  #received = 0;

  constructor(
    request: ClientRequest,
    { limitBytes, stallMs }: { limitBytes: number; stallMs: number },
    { clock, bugs }: { readonly clock: Clock; readonly bugs: Bugs },
  ) {
    super();
    this.#request = request;
    this.#limitBytes = limitBytes;
    this.#stallMs = stallMs;
    this.#clock = clock;
    this.#bugs = bugs;
    // undici listens while it reads. The client of a body that undici has let go can still be too slow, or leave.
    this.on('error', () => {});
  }

  /** Whether any part of it may have been passed on. */
  get started(): boolean {
    return this.#pace !== undefined;
  }

  override _read(): void {
    // undici may read the body of an attempt that was cancelled before its connection was made.
    if (this.destroyed) return;
    try {
      if (this.#pace === undefined) this.#attach();
      this.#hold(false);
      this.#request.resumeBody();
    } catch (error) {
      this.#bugs.report('request-body', error);
      this.destroy(new BodyMetBug('the gateway could not read the body'));
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    try {
      this.#stall?.cancel();
      if (this.#pace === undefined) return;
      this.#pace.stop();
      this.#request.stopBody();
      // A reply may come before the body is complete. The rest is read and dropped, because the client may send all of
      // it before it reads.
      this.#request.resumeBody();
    } catch (bug) {
      this.#bugs.report('request-body', bug);
    } finally {
      callback(error);
    }
  }

  #attach(): void {
    this.#pace = new UploadPace(this.#clock, streamedPace, () =>
      this.destroy(new BodyTooSlow('the client sends its body too slowly')),
    );
    this.#request.receiveBody(this);
  }

  bodyData(chunk: Buffer): void {
    this.#received += chunk.length;
    this.#pace?.received(chunk.length);
    if (this.#received > this.#limitBytes) this.destroy(new BodyTooLarge(this.#limitBytes));
    else if (!this.push(chunk)) {
      this.#hold(true);
      this.#request.pauseBody();
    }
  }

  /** The backend pauses or resumes. While it pauses, the client does not count as slow. */
  #hold(isHeld: boolean): void {
    this.#pace?.hold(isHeld);
    this.#stall?.cancel();
    this.#stall = isHeld ? this.#clock.setTimeLimit(() => this.onStalled?.(), this.#stallMs) : undefined;
  }

  bodyEnd(): void {
    this.#pace?.stop();
    this.push(null);
    this.onComplete?.();
  }

  bodyAborted(): void {
    this.destroy(new BodyAborted('the client left before its body was complete'));
  }
}
