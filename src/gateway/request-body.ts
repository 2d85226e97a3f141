import { Readable } from 'node:stream';
import type { Exchange } from './exchange.ts';
import { Refusal } from './refusal.ts';

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

/**
 * The body of a request on its way to a backend: bounded, read only as fast as the backend takes it, and not touched
 * before the first read, so that an attempt whose connection fails leaves it whole for the next one.
 */
export class RequestBody extends Readable {
  readonly #x: Exchange;
  readonly #limitBytes: number;
  #received = 0;
  #attached = false;

  constructor(x: Exchange, limitBytes: number) {
    super();
    this.#x = x;
    this.#limitBytes = limitBytes;
  }

  /** Whether any of it may have been handed on. */
  get started(): boolean {
    return this.#attached;
  }

  override _read(): void {
    if (!this.#attached) this.#attach();
    this.#x.req.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const { req } = this.#x;
    req.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    callback(error);
  }

  #attach(): void {
    this.#attached = true;
    const { req } = this.#x;
    req.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    this.#x.sendContinue();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received += chunk.length;
    if (this.#received > this.#limitBytes) this.destroy(new BodyTooLarge(this.#limitBytes));
    else if (!this.push(chunk)) this.#x.req.pause();
  };

  readonly #onEnd = (): void => {
    this.push(null);
  };

  readonly #onClose = (): void => {
    if (!this.#x.req.complete) this.destroy(new BodyAborted('the client left before its body was complete'));
  };
}

export const clientClosed = new Refusal('client-closed', 'the client left');

export function bodyTooLarge(limitBytes: number): Refusal {
  return new Refusal('body-too-large', `the body must have at most ${limitBytes} bytes`, { close: true });
}

/** Reads a small body whole. */
export function readBody(x: Exchange, limitBytes: number): Promise<Buffer | Refusal> {
  if (x.head.contentLength !== undefined && x.head.contentLength > limitBytes) {
    return Promise.resolve(bodyTooLarge(limitBytes));
  }
  x.sendContinue();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let received = 0;
    const { req } = x;
    req.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > limitBytes) {
        req.removeAllListeners('data');
        resolve(bodyTooLarge(limitBytes));
      } else chunks.push(chunk);
    });
    req.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    req.on('close', () => resolve(clientClosed));
  });
}
