import type { Readable } from 'node:stream';
import { messageOf } from '../../core/errors.ts';
import type { Clock } from '../../core/clock.ts';
import type { Exchange } from '../exchange.ts';
import type { BodyReceiver } from './client-request.ts';
import { Refusal } from '../refusal.ts';
import { bodyTooLarge, clientClosed, clientTooSlow } from './body-refusals.ts';
import type { Spool, SpoolFile } from './spool.ts';
import { bufferedPace, type PaceLimits, UploadPace } from './upload-pace.ts';

/** A request's body, received as a whole. */
export interface StoredBody {
  readonly bytes: number;
  /** The body itself if it is in memory; a new stream of it if it is on disk. */
  readonly open: () => Buffer | Readable;
}

export interface UploadLimits {
  readonly maxBytes: number;
  /** Largest body in memory; a larger one goes to disk. */
  readonly memoryBytes: number;
}

/** Receives bodies before a permit is taken, so that no slow client holds one. */
export class Uploads {
  readonly #spool: Spool;
  readonly #clock: Clock;
  readonly #pace: PaceLimits;
  readonly #onSpoolError: (error: unknown) => void;

  /** `onSpoolError`: called when the disk fails, once for each request. */
  constructor(spool: Spool, clock: Clock, onSpoolError: (error: unknown) => void, pace: PaceLimits = bufferedPace) {
    this.#spool = spool;
    this.#clock = clock;
    this.#onSpoolError = onSpoolError;
    this.#pace = pace;
  }

  /** The whole body, or the reason why it is missing. It is released with the exchange. */
  receive(x: Exchange, limits: UploadLimits): Promise<StoredBody | Refusal> {
    const receiving = new Receiving(x, limits, {
      spool: this.#spool,
      onSpoolError: this.#onSpoolError,
      watch: (tooSlow) => new UploadPace(this.#clock, this.#pace, tooSlow),
    });
    return receiving.done;
  }
}

interface ReceivingDependencies {
  readonly spool: Spool;
  readonly onSpoolError: (error: unknown) => void;
  readonly watch: (tooSlow: () => void) => UploadPace;
}

const spoolFull = new Refusal('spool-full', 'there is no room for the body at the moment', {
  retryAfterSeconds: 5,
  close: true,
});

/** One body that is being received. */
class Receiving implements BodyReceiver {
  readonly done: Promise<StoredBody | Refusal>;
  readonly #x: Exchange;
  readonly #limits: UploadLimits;
  readonly #dependencies: ReceivingDependencies;
  readonly #settle: (result: StoredBody | Refusal) => void;
  readonly #pace: UploadPace;
  readonly #chunks: Buffer[] = [];
  #received = 0;
  #file: SpoolFile | undefined;
  #isStoring = false;
  #isComplete = false;
  #isSettled = false;

  constructor(x: Exchange, limits: UploadLimits, dependencies: ReceivingDependencies) {
    this.#x = x;
    this.#limits = limits;
    this.#dependencies = dependencies;
    const { promise, resolve } = Promise.withResolvers<StoredBody | Refusal>();
    this.done = promise;
    this.#settle = resolve;
    this.#pace = dependencies.watch(() => this.#end(clientTooSlow));
    x.request.receiveBody(this);
  }

  bodyData(chunk: Buffer): void {
    this.#received += chunk.length;
    this.#pace.received(chunk.length);
    if (this.#received > this.#limits.maxBytes) {
      this.#end(bodyTooLarge(this.#limits.maxBytes));
      return;
    }
    this.#chunks.push(chunk);
    if (this.#received > this.#limits.memoryBytes) void this.#store();
  }

  bodyEnd(): void {
    this.#isComplete = true;
    this.#finishIfStored();
  }

  bodyAborted(): void {
    this.#end(clientClosed);
  }

  /** Writes the received bytes to the file; the client waits meanwhile. */
  async #store(): Promise<void> {
    if (this.#isStoring) return;
    this.#isStoring = true;
    try {
      this.#x.request.pauseBody();
      this.#pace.hold(true);
      this.#file ??= await this.#openFile();
      for (let chunk = this.#chunks.shift(); chunk !== undefined && !this.#isSettled; chunk = this.#chunks.shift()) {
        if (!(await this.#file.append(chunk))) this.#end(spoolFull);
      }
      this.#stored();
    } catch (error) {
      this.#dependencies.onSpoolError(error);
      this.#end(new Refusal('spool-full', `the body could not be stored: ${reasonOf(error)}`, spoolFull.extras));
    }
  }

  #stored(): void {
    this.#isStoring = false;
    this.#pace.hold(false);
    if (this.#isSettled) return;
    this.#x.request.resumeBody();
    this.#finishIfStored();
  }

  async #openFile(): Promise<SpoolFile> {
    const file = await this.#dependencies.spool.open();
    this.#x.releaseAtEnd(file);
    return file;
  }

  #finishIfStored(): void {
    if (!this.#isComplete || this.#isStoring) return;
    const file = this.#file;
    if (file !== undefined) {
      if (this.#chunks.length > 0) void this.#store();
      else this.#end({ bytes: this.#received, open: () => file.stream() });
      return;
    }
    const content = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#end({ bytes: content.length, open: () => content });
  }

  #end(result: StoredBody | Refusal): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#pace.stop();
    this.#x.request.stopBody();
    this.#chunks.length = 0;
    this.#settle(result);
  }
}

/** The kind of failure, without paths. */
const reasonOf = (error: unknown): string => messageOf(error).split(',', 1)[0] as string;
