import type { Logger } from 'pino';
import type { BackendHealth } from './health-checker.ts';

/** Logs backends that go down and come back: one line each, which shows when an outage began and ended. */
export class HealthLog {
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  readonly #isOwn: (upstream: string) => boolean;
  readonly #wasUp = new Set<string>();
  readonly #isDown = new Set<string>();

  /** `isOwn`: the backends of the upstream start with Rampart itself, so they are not down before they were up once. */
  constructor(log: Pick<Logger, 'info' | 'warn'>, isOwn: (upstream: string) => boolean) {
    this.#log = log;
    this.#isOwn = isOwn;
  }

  note(changed: readonly BackendHealth[]): void {
    for (const { upstream, backend, up, problem } of changed) {
      const name = JSON.stringify([upstream, backend]);
      if (up === true) {
        this.#wasUp.add(name);
        if (this.#isDown.delete(name)) this.#log.info({ upstream, backend }, 'a backend is up again');
      } else if (up === false && (this.#wasUp.has(name) || !this.#isOwn(upstream))) {
        this.#isDown.add(name);
        this.#log.warn({ upstream, backend, problem }, 'a backend is down: it gets no new requests');
      }
    }
  }
}
