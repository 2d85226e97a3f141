import type { IncomingMessage } from 'node:http';
import type { Bugs } from '../../metrics/bugs.ts';
import type { BodyReceiver } from '../http/client-request.ts';

/** Passes the body of a request on to its receiver. An exception of the receiver ends the connection. */
export class BodyReader {
  readonly #req: IncomingMessage;
  readonly #receiver: BodyReceiver;
  readonly #bugs: Bugs;
  #isComplete = false;
  bytes = 0;

  constructor(req: IncomingMessage, receiver: BodyReceiver, bugs: Bugs) {
    this.#req = req;
    this.#receiver = receiver;
    this.#bugs = bugs;
    req.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
  }

  stop(): void {
    this.#req.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.bytes += chunk.length;
    try {
      this.#receiver.bodyData(chunk);
    } catch (error) {
      this.#bug(error);
    }
  };

  readonly #onEnd = (): void => {
    this.#isComplete = true;
    try {
      this.#receiver.bodyEnd();
    } catch (error) {
      this.#bug(error);
    }
  };

  readonly #onClose = (): void => {
    if (this.#isComplete) return;
    try {
      this.#receiver.bodyAborted();
    } catch (error) {
      this.#bug(error);
    }
  };

  #bug(error: unknown): void {
    this.#bugs.report('request-body', error);
    this.stop();
    this.#req.socket.destroy();
  }
}
