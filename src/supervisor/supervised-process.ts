import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock, Timer } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Role } from '../protocol/messages.ts';
import { backoffMs } from '../policy/retry/backoff.ts';

/** How to start one process of a role. */
export interface ProcessSpec {
  readonly role: Role;
  readonly instance: number;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The listening sockets that the process gets as descriptors 3, 5, 6, …, asked for at each start; 4 is its channel. */
  readonly listenFds: (() => readonly number[]) | undefined;
}

export interface ProcessEvents {
  /** The process ended without being asked to, and will be started again after `delayMs`. */
  died(spec: ProcessSpec, how: string, delayMs: number): void;
  /** The process serves, for the first time or after a restart. */
  ready?(spec: ProcessSpec): void;
  /** The process has sent another message; `undefined` is the last and means that it has ended. */
  said?(supervised: SupervisedProcess, message: unknown): void;
}

const restartLimits = { firstMs: 50, maxMs: 5000 };
/** A process that lived for this long was healthy: its next failure is a first one. */
const HEALTHY_AFTER_MS = 10_000;

/** A process that is started again, after growing delays, whenever it ends by itself. */
export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #events: ProcessEvents;
  #child: ChildProcess | undefined;
  #startedAt = 0;
  #failures = 0;
  #timer: Timer | undefined;
  #stopping = false;
  #everReady = false;
  #isReady = false;

  constructor(spec: ProcessSpec, dependencies: { clock: Clock; random: Random; events: ProcessEvents }) {
    this.spec = spec;
    this.#clock = dependencies.clock;
    this.#random = dependencies.random;
    this.#events = dependencies.events;
  }

  /** Starts it; resolves when it says that it is ready, rejects with the exit code when it ends before it ever was. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#launch(resolve, (code, how) => reject(new EndedBeforeReady(this.spec, code, how)));
    });
  }

  /** Asks it to end (SIGTERM), and ends it after `limitMs`; resolves when it is gone. */
  stop(limitMs: number): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    const child = this.#child;
    if (child?.pid === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = Number.isFinite(limitMs) ? this.#clock.setTimeout(() => child.kill('SIGKILL'), limitMs) : undefined;
      child.once('exit', () => {
        timer?.cancel();
        resolve();
      });
      child.kill('SIGTERM');
    });
  }

  kill(): void {
    this.#stopping = true;
    this.#child?.kill('SIGKILL');
  }

  /** Before it is ready, a process may not have its handlers yet, and a signal could end it. */
  signal(name: NodeJS.Signals): void {
    if (this.#isReady) this.#child?.kill(name);
  }

  /** Ends it at once, to be started again. */
  endHanging(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Whether it has said that it is ready, and has not ended since. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #launch(onReady: () => void, onFailed: (code: number | null, how: string) => void): void {
    this.#startedAt = this.#clock.now();
    const ended = (how: string, code: number | null): void => {
      this.#child = undefined;
      this.#isReady = false;
      this.#events.said?.(this, undefined);
      // A process that exits before it was ready rejects `start()`, even if we asked it to stop.
      if (!this.#everReady) onFailed(code, how);
      else if (!this.#stopping) this.#restart(how);
    };
    let child: ChildProcess;
    try {
      child = this.#spawn();
    } catch (error) {
      // No descriptor or no memory left for the pipes: as passing as a process that died.
      ended(messageOf(error), null);
      return;
    }
    this.#child = child;
    child.on('message', (message) => {
      if (message !== 'ready') {
        this.#events.said?.(this, message);
        return;
      }
      this.#everReady = true;
      this.#isReady = true;
      this.#events.ready?.(this.spec);
      onReady();
    });
    child.on('error', (error) => {
      // A process that was never there has no exit; any other error (of a message, of a kill) leaves it running.
      if (child.pid === undefined) ended(messageOf(error), null);
    });
    child.on('exit', (code, signal) => ended(signal ?? `exit code ${code}`, code));
  }

  #spawn(): ChildProcess {
    const { command, args, env, listenFds } = this.spec;
    const [first, ...others] = listenFds?.() ?? [];
    // A session of its own: Ctrl-C in the terminal must reach the supervisor alone, which knows the order of stopping.
    return spawn(command, args, {
      detached: true,
      env,
      stdio: ['ignore', 'inherit', 'inherit', first ?? 'ignore', 'ipc', ...others],
    });
  }

  #restart(how: string): void {
    const lived = this.#clock.now() - this.#startedAt;
    this.#failures = lived > HEALTHY_AFTER_MS ? 1 : this.#failures + 1;
    const delayMs = backoffMs(this.#failures, restartLimits, this.#random);
    this.#events.died(this.spec, how, delayMs);
    this.#timer = this.#clock.setTimeout(() => {
      this.#launch(
        () => {},
        () => {},
      );
    }, delayMs);
  }
}

/** A process that could not even be started. */
export class EndedBeforeReady extends Error {
  readonly code: number | null;

  constructor(spec: ProcessSpec, code: number | null, how: string) {
    super(`${spec.role} ${spec.instance} ended before it was ready (${how})`);
    this.code = code;
  }
}
