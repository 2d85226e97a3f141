import { Agent, request } from 'node:http';
import type { Interval } from './checkers/cap.ts';
import { machineNowMs } from '../../src/core/machine-time.ts';

/** A call that a limit admits or refuses, from sent to answered. */
export interface LimitedCall extends Interval {
  readonly host: string;
  readonly outcome: 'admitted' | 'refused' | 'failed';
}

/** Where such calls go; the route answers by itself, so that only the limit decides. */
export const LIMITED_PATH = '/limited';
const ANSWER = 204;
const PATIENCE_MS = 5000;

/** The route of a limit over all clients of one address. */
export const limitedRoute = (requestsPerSecond: number, burst: number): object => ({
  endpoint: 'limited',
  path: LIMITED_PATH,
  authenticate: false,
  limit: { requestsPerSecond, burst },
  static: { status: ANSWER },
});

/** A client of one host in an open loop: it sends at its rate, whatever comes back. */
export class LimitedClients {
  readonly calls: LimitedCall[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #host: string;
  readonly #url: string;
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Promise<void>>();

  constructor(host: string, url: string, perSecond: number) {
    this.#host = host;
    this.#url = url;
    this.#timer = setInterval(() => this.#send(), 1000 / perSecond);
  }

  /** Ends when every call has its answer. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
  }

  #send(): void {
    const call = this.#call().finally(() => this.#open.delete(call));
    this.#open.add(call);
  }

  #call(): Promise<void> {
    const startMs = machineNowMs();
    return new Promise((resolve) => {
      const end = (outcome: LimitedCall['outcome']): void => {
        this.calls.push({ host: this.#host, startMs, endMs: machineNowMs(), outcome });
        resolve();
      };
      const sent = request(`${this.#url}${LIMITED_PATH}`, { agent: this.#agent, timeout: PATIENCE_MS }, (reply) => {
        reply.resume();
        end(reply.statusCode === ANSWER ? 'admitted' : reply.statusCode === 429 ? 'refused' : 'failed');
      });
      sent.on('timeout', () => sent.destroy(new Error('No answer')));
      sent.on('error', () => end('failed'));
      sent.end();
    });
  }
}
