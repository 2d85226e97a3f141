import { spawn } from 'node:child_process';
import type { Clock, Timer } from '../core/clock.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface ServiceManagerOptions {
  readonly env: Env;
  readonly pid: number;
  readonly clock: Clock;
  /** Undefined if everything that has to answer does; otherwise what does not. */
  readonly problem: () => Promise<string | undefined>;
  readonly say: (line: string) => void;
}

/** A check that has failed is repeated this soon, because the watchdog may be about to bite. */
const REPEAT_MS = 1000;

/**
 * Tells systemd that this service is ready, stops, or is alive. Node has no datagram sockets of the file system, so the
 * program systemd-notify sends the messages: the unit needs NotifyAccess=all.
 */
export class ServiceManager {
  readonly #options: ServiceManagerOptions;
  /** How often the watchdog is fed: twice as often as it must be. */
  readonly #feedMs: number | undefined;
  #timer: Timer | undefined;
  #isStopping = false;
  #hasSaid = '';

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
    const { env, pid } = options;
    const limitMs = Number(env['WATCHDOG_USEC']) / 1000;
    const isOurs = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid);
    this.#feedMs = isOurs && limitMs > 0 ? limitMs / 2 : undefined;
  }

  /** Everything is up. From here on the watchdog is fed while nothing is wrong. */
  ready(): void {
    this.#send('READY=1', 'STATUS=Everything is up');
    void this.#feed();
  }

  stopping(): void {
    this.#isStopping = true;
    this.#timer?.cancel();
    this.#send('STOPPING=1', 'STATUS=Open requests are being answered');
  }

  async #feed(): Promise<void> {
    if (this.#feedMs === undefined) return;
    const problem = await this.#options.problem();
    if (this.#isStopping) return;
    if (problem === undefined) this.#send('WATCHDOG=1');
    else this.#report(`the watchdog of systemd gets no sign of life, because ${problem}`);
    const delayMs = problem === undefined ? this.#feedMs : Math.min(REPEAT_MS, this.#feedMs);
    this.#timer = this.#options.clock.setTimeout(() => void this.#feed(), delayMs);
  }

  #send(...assignments: string[]): void {
    const { NOTIFY_SOCKET, PATH } = this.#options.env;
    if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return;
    const child = spawn('systemd-notify', assignments, { env: { NOTIFY_SOCKET, PATH }, stdio: 'ignore' });
    child.on('error', (error) => this.#report(`systemd is not told ${assignments[0]}: ${error.message}`));
    child.on('exit', (code) => {
      if (code !== 0) this.#report(`systemd is not told ${assignments[0]}: systemd-notify ended with ${code}`);
    });
  }

  /** The same line again and again would fill the journal. */
  #report(line: string): void {
    if (line === this.#hasSaid) return;
    this.#hasSaid = line;
    this.#options.say(line);
  }
}
