import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { machineNowMs } from '../../src/core/machine-time.ts';
import type { ClientCall } from './clients.ts';

export interface BalancedHost {
  readonly name: string;
  readonly url: string;
  readonly readyUrl: string;
}

/** How often a host is asked whether it is ready. */
const CHECK_MS = 200;
const CHECK_LIMIT_MS = 1000;
const TICK_MS = 5;
/** A call without an answer for this long has failed. */
const PATIENCE_MS = 8000;

/**
 * Clients at a steady rate behind a load balancer: each request goes to the next host that is ready, over a connection that is kept, and
 * none is sent twice.
 */
export class BalancedClients {
  readonly calls: ClientCall[] = [];
  readonly #hosts: readonly BalancedHost[];
  readonly #ready = new Set<BalancedHost>();
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: 10_000 });
  readonly #open = new Set<Promise<void>>();
  readonly #path: string;
  #isStopped = false;
  #next = 0;

  /** Resolves when the first host is ready and the load has begun. `path`: of every request. */
  static async start(hosts: readonly BalancedHost[], perSecond: number, path: string): Promise<BalancedClients> {
    const clients = new BalancedClients(hosts, path);
    for (const host of hosts) void clients.#watch(host);
    while (clients.#ready.size < hosts.length) await pause(TICK_MS);
    void clients.#send(perSecond);
    return clients;
  }

  private constructor(hosts: readonly BalancedHost[], path: string) {
    this.#hosts = hosts;
    this.#path = path;
  }

  /** Resolves when a host gets requests again. */
  async untilReady(name: string): Promise<void> {
    while (![...this.#ready].some((host) => host.name === name)) await pause(TICK_MS);
  }

  /** Ends when every call has its answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#open);
    this.#agent.destroy();
  }

  async #watch(host: BalancedHost): Promise<void> {
    while (!this.#isStopped) {
      const status = await fetch(host.readyUrl, { signal: AbortSignal.timeout(CHECK_LIMIT_MS) }).then(
        (reply) => reply.status,
        () => 0,
      );
      if (status === 200) this.#ready.add(host);
      else this.#ready.delete(host);
      await pause(CHECK_MS);
    }
  }

  async #send(perSecond: number): Promise<void> {
    const startedAt = machineNowMs();
    for (let sent = 0; !this.#isStopped;) {
      for (const due = Math.floor(((machineNowMs() - startedAt) / 1000) * perSecond); sent < due; sent++) {
        const answered = this.#call();
        this.#open.add(answered);
        void answered.finally(() => this.#open.delete(answered));
      }
      await pause(TICK_MS);
    }
  }

  #choose(): BalancedHost | undefined {
    for (let tried = 0; tried < this.#hosts.length; tried++) {
      const host = this.#hosts[this.#next++ % this.#hosts.length];
      if (host !== undefined && this.#ready.has(host)) return host;
    }
    return undefined;
  }

  #call(): Promise<void> {
    const host = this.#choose();
    const startMs = machineNowMs();
    return new Promise((resolve) => {
      const end = (outcome: number | string): void => {
        this.calls.push({ host: host?.name ?? 'none', startMs, endMs: machineNowMs(), outcome });
        resolve();
      };
      if (host === undefined) return end('no host is ready');
      const sent = request(`${host.url}${this.#path}`, { agent: this.#agent }, (reply) => {
        reply.resume();
        reply.on('error', () => undefined);
        reply.on('close', () => end(reply.complete ? (reply.statusCode ?? 0) : 'reply cut off'));
      });
      sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error('no answer')));
      sent.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      sent.end();
    });
  }
}
