import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { machineNowMs } from '../../src/core/machine-time.ts';
import type { ClientCall } from './clients.ts';
import { oneCall } from './one-call.ts';

export interface BalancedHost {
  readonly name: string;
  readonly url: string;
  readonly readyUrl: string;
}

/** How often a host is asked whether it is ready. */
const CHECK_MS = 200;
const CHECK_LIMIT_MS = 1000;
const TICK_MS = 5;

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

  /** Resolves when all hosts are ready and the load has begun. `path`: of every request. */
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

  async #call(): Promise<void> {
    const host = this.#choose();
    if (host !== undefined) {
      this.calls.push({ host: host.name, ...(await oneCall(`${host.url}${this.#path}`, this.#agent)) });
      return;
    }
    const nowMs = machineNowMs();
    this.calls.push({ host: 'none', startMs: nowMs, endMs: nowMs, outcome: 'no host is ready' });
  }
}
