import { Agent, request } from 'node:http';
import type { Interval } from './checkers/cap.ts';
import { machineNowMs } from '../../src/core/machine-time.ts';

/** A request of a client, from its first byte to the last of the reply. */
export interface ClientCall extends Interval {
  readonly host: string;
  /** The status, or the code of the error in place of a reply. */
  readonly outcome: number | string;
  /** The reason of a refusal. */
  readonly reason?: string;
}

export interface ClientOptions {
  readonly host: string;
  readonly url: string;
  readonly users: number;
  /** The path of the next call. */
  readonly nextPath: () => string;
}

/** A call without an answer for this long has failed. */
const PATIENCE_MS = 8000;
/** So long a user waits after a failure, so that a refusing host is not flooded. */
const BACK_OFF_MS = 200;

/** Users with keep-alive connections in a closed loop: each sends its next request when the last one was answered. */
export class Clients {
  readonly calls: ClientCall[] = [];
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: 10_000 });
  readonly #options: ClientOptions;
  readonly #loops: Promise<void>[];
  #isStopped = false;
  /** Settled while users may send. */
  #mayGo: PromiseWithResolvers<void> = settled();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#loops = Array.from({ length: options.users }, () => this.#loop());
  }

  /** No further requests until `go`. */
  hold(): void {
    this.#mayGo = Promise.withResolvers();
  }

  go(): void {
    this.#mayGo.resolve();
  }

  /** Ends when every user has its last answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.go();
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #loop(): Promise<void> {
    for (;;) {
      await this.#mayGo.promise;
      if (this.#isStopped) return;
      const call = await this.#call();
      this.calls.push(call);
      if (call.outcome !== 200) await new Promise((resolve) => setTimeout(resolve, BACK_OFF_MS));
    }
  }

  #call(): Promise<ClientCall> {
    const startMs = machineNowMs();
    return new Promise((resolve) => {
      const end = (outcome: number | string, reason?: string): void =>
        resolve({
          host: this.#options.host,
          startMs,
          endMs: machineNowMs(),
          outcome,
          ...(reason !== undefined && { reason }),
        });
      const sent = request(
        `${this.#options.url}${this.#options.nextPath()}`,
        { agent: this.#agent, timeout: PATIENCE_MS },
        (reply) => {
          let text = '';
          reply.setEncoding('utf8');
          reply.on('data', (chunk: string) => (text += chunk));
          reply.on('end', () => end(reply.statusCode ?? 0, reasonOf(text)));
          reply.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
        },
      );
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('No answer'), { code: 'TIMEOUT' })));
      sent.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      sent.end();
    });
  }
}

function settled(): PromiseWithResolvers<void> {
  const gate = Promise.withResolvers<void>();
  gate.resolve();
  return gate;
}

const reasonOf = (text: string): string | undefined => /"reason":\s*"([\w-]+)"/.exec(text)?.[1];
