import { Readable } from 'node:stream';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Exchange } from './exchange.ts';
import { Refusal } from '../refusal.ts';
import { streamedPace, UploadPace } from './upload-pace.ts';

/** The client sent more than the route takes. */
export class BodyTooLarge extends Error {
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(`the body is larger than ${limitBytes} bytes`);
    this.limitBytes = limitBytes;
  }
}

/** The client left before its body was complete. */
export class BodyAborted extends Error {}

/** The client sends its body too slowly. */
export class BodyTooSlow extends Error {}

/**
 * The body of a request that is forwarded while it comes: bounded, read only as fast as the backend takes it, and not
 * touched before the first read, so that an attempt whose connection fails leaves it whole for the next one.
 */
export class RequestBody extends Readable {
  /** Told when all of it has come. */
  onComplete: (() => void) | undefined;
  /** Told when the backend has taken nothing for `stallMs`, though more has come. */
  onStalled: (() => void) | undefined;
  readonly #x: Exchange;
  readonly #limitBytes: number;
  readonly #stallMs: number;
  readonly #clock: Clock;
  #stall: Timer | undefined;
  #pace: UploadPace | undefined;
  #received = 0;

  constructor(x: Exchange, { limitBytes, stallMs }: { limitBytes: number; stallMs: number }, clock: Clock) {
    super();
    this.#x = x;
    this.#limitBytes = limitBytes;
    this.#stallMs = stallMs;
    this.#clock = clock;
  }

  /** Whether any of it may have been handed on. */
  get started(): boolean {
    return this.#pace !== undefined;
  }

  override _read(): void {
    // undici may read the body of an attempt that was cancelled before its connection was there.
    if (this.destroyed) return;
    if (this.#pace === undefined) this.#attach();
    this.#hold(false);
    this.#x.req.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stall?.cancel();
    if (this.#pace !== undefined) {
      this.#pace.stop();
      const { req } = this.#x;
      req.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
      // A reply may come before the body is complete: the rest is read away, as the client may send all before it reads.
      req.resume();
    }
    callback(error);
  }

  #attach(): void {
    this.#pace = new UploadPace(this.#clock, streamedPace, () =>
      this.destroy(new BodyTooSlow('the client sends its body too slowly')),
    );
    const { req } = this.#x;
    req.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    this.#x.sendContinue();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received += chunk.length;
    this.#pace?.received(chunk.length);
    if (this.#received > this.#limitBytes) this.destroy(new BodyTooLarge(this.#limitBytes));
    else if (!this.push(chunk)) {
      this.#hold(true);
      this.#x.req.pause();
    }
  };

  /** The backend takes no more, or takes more again. While it takes nothing the client is not the slow one. */
  #hold(isHeld: boolean): void {
    this.#pace?.hold(isHeld);
    this.#stall?.cancel();
    this.#stall = isHeld ? this.#clock.setTimeLimit(() => this.onStalled?.(), this.#stallMs) : undefined;
  }

  readonly #onEnd = (): void => {
    this.#pace?.stop();
    this.push(null);
    this.onComplete?.();
  };

  readonly #onClose = (): void => {
    if (!this.#x.req.complete) this.destroy(new BodyAborted('the client left before its body was complete'));
  };
}

export const clientClosed = new Refusal('client-closed', 'the client left');
export const clientTooSlow = new Refusal('request-timeout', 'the body took too long to arrive', { close: true });

export function bodyTooLarge(limitBytes: number): Refusal {
  return new Refusal('body-too-large', `the body must have at most ${limitBytes} bytes`, { close: true });
}
