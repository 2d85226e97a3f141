import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { EmbeddedPostgres } from './embedded-postgres.ts';
import { isAlive } from './postmaster.ts';

export interface PostgresWatchOptions {
  readonly clock: Clock;
  /** Starts the server again, or adopts it where somebody else has. */
  readonly start: () => Promise<EmbeddedPostgres>;
  readonly say: (line: string) => void;
}

const INTERVAL_MS = 500;

/** Looks at the embedded server twice a second, and starts it again when it has died. Its URL stays the same. */
export class PostgresWatch {
  readonly #options: PostgresWatchOptions;
  #server: EmbeddedPostgres;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Told already that it cannot be started: once is enough. */
  #failing = false;

  constructor(server: EmbeddedPostgres, options: PostgresWatchOptions) {
    this.#server = server;
    this.#options = options;
    this.#schedule();
  }

  /** Looks no more; resolves to the server that is there now. */
  async stop(): Promise<EmbeddedPostgres> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looking;
    return this.#server;
  }

  #schedule(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#looking = this.#look();
    }, INTERVAL_MS);
  }

  async #look(): Promise<void> {
    if (!(await isAlive(this.#server.pid)) && !this.#stopped) await this.#startAgain();
    if (!this.#stopped) this.#schedule();
  }

  async #startAgain(): Promise<void> {
    const { start, say } = this.#options;
    if (!this.#failing) say('PostgreSQL ended; starting it again');
    try {
      this.#server = await start();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) say(`${messageOf(error)}. Trying again until it starts`);
      this.#failing = true;
    }
  }
}
