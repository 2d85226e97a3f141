import { Agent } from 'node:http';
import { type Call, oneCall } from './one-call.ts';

export interface ClientCall extends Call {
  readonly host: string;
}

export interface ClientOptions {
  readonly host: string;
  readonly url: string;
  readonly users: number;
  /** The path of the next call. */
  readonly nextPath: () => string;
}

/** So long a user waits after a failure, so that a refusing host is not flooded. */
const BACK_OFF_MS = 200;

/** Users with keep-alive connections in a closed loop: each sends its next request when the last one was answered. */
export class Clients {
  readonly calls: ClientCall[] = [];
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: 10_000 });
  readonly #options: ClientOptions;
  readonly #loops: Promise<void>[];
  #isStopped = false;
  #isHeld = false;
  /** Settled while users may send. */
  #mayGo: PromiseWithResolvers<void> = settled();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#loops = Array.from({ length: options.users }, () => this.#loop());
  }

  /** No further requests until `go`. */
  hold(): void {
    // Users who wait already wait for this gate, and no other may take its place.
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#mayGo = Promise.withResolvers();
  }

  go(): void {
    this.#isHeld = false;
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
      const { host, url, nextPath } = this.#options;
      const call = { host, ...(await oneCall(`${url}${nextPath()}`, this.#agent)) };
      this.calls.push(call);
      if (call.outcome !== 200) await new Promise((resolve) => setTimeout(resolve, BACK_OFF_MS));
    }
  }
}

function settled(): PromiseWithResolvers<void> {
  const gate = Promise.withResolvers<void>();
  gate.resolve();
  return gate;
}
