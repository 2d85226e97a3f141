import cluster, { type Worker } from 'node:cluster';
import { systemClock } from '../core/clock.ts';
import { backoffMs } from '../policy/retry/backoff.ts';
import { HangWatch } from '../supervisor/hang-watch.ts';
import { giveBackHandovers } from '../supervisor/give-back-handovers.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { RELOAD_REMARK } from './role.ts';

const restartLimits = { firstMs: 50, maxMs: 5000 };
/** A worker that lived for this long was healthy: its next failure is a first one. */
const HEALTHY_AFTER_MS = 10_000;

interface Child {
  readonly instance: number;
  readonly worker: Worker;
  readonly pid: number | undefined;
  /** Whether node:cluster hands connections to it, which it does before the worker says that it is ready. */
  isListening: boolean;
}

/**
 * `rampart gateway --workers N`: workers under node:cluster, whose primary accepts and hands connections out in turn.
 * They end with it, so that nothing outlives the process that a container or a service manager has started.
 */
export class GatewayCluster {
  readonly #io: CommandIo;
  readonly #count: number;
  readonly #children = new Map<number, Child>();
  readonly #failures = new Map<number, number>();
  readonly #hangs = new HangWatch<Child>(systemClock, (child) => {
    this.#say(`gateway ${child.instance} hangs; ending it`);
    child.worker.process.kill('SIGKILL');
  });
  readonly #over = Promise.withResolvers<number>();
  #wasListening = false;
  #stopping = false;
  #exitCode: number = exitCodes.ok;

  constructor(count: number, io: CommandIo) {
    this.#count = count;
    this.#io = io;
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({ args: ['gateway'] });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#stop(signal));
    process.on('SIGHUP', () => this.#say(RELOAD_REMARK));
    process.on('SIGUSR2', () => this.#say('SIGUSR2 is ignored'));
  }

  /** Resolves to the exit code when all workers have ended. */
  run(): Promise<number> {
    for (let instance = 0; instance < this.#count; instance++) this.#fork(instance);
    return this.#over.promise;
  }

  /** The first signal drains, any further one goes on to the workers, which then do not wait. */
  #stop(signal: NodeJS.Signals): void {
    this.#stopping = true;
    for (const { worker } of this.#children.values()) worker.process.kill(signal);
    this.#endIfOver();
  }

  #fork(instance: number): void {
    const startedAt = systemClock.now();
    const worker = cluster.fork({
      RAMPART_INSTANCE: String(instance),
      RAMPART_WATCHED: '1',
      GATEWAY_WORKERS: String(this.#count),
    });
    const child: Child = { instance, worker, pid: worker.process.pid, isListening: false };
    this.#children.set(instance, child);
    worker.on('message', (message: unknown) => {
      if (message !== 'ready') this.#hangs.said(child, message);
    });
    worker.on('listening', () => {
      child.isListening = true;
      this.#wasListening = true;
    });
    const isServing = (one: Child): boolean => one !== child && one.isListening && one.worker.isConnected();
    giveBackHandovers(worker.process, () => [...this.#children.values()].some(isServing));
    // 'exit' follows, and tells the rest.
    worker.on('error', () => {});
    worker.on('exit', (code, signal) => {
      this.#hangs.said(child, undefined);
      this.#children.delete(instance);
      if (this.#stopping) this.#endIfOver();
      else if (!this.#wasListening) this.#giveUp(code);
      else this.#restart(instance, signal ?? `exit code ${code}`, systemClock.now() - startedAt);
    });
  }

  #restart(instance: number, how: string, livedMs: number): void {
    const failures = livedMs > HEALTHY_AFTER_MS ? 1 : (this.#failures.get(instance) ?? 0) + 1;
    this.#failures.set(instance, failures);
    const delayMs = backoffMs(failures, restartLimits, Math.random);
    this.#say(`gateway ${instance} ended (${how}); starting it again in ${Math.round(delayMs)} ms`);
    systemClock.setTimeout(() => {
      if (!this.#stopping) this.#fork(instance);
    }, delayMs);
  }

  /** The first workers do not come up: they have said why. */
  #giveUp(code: number): void {
    this.#stopping = true;
    this.#exitCode = code === exitCodes.usage ? exitCodes.usage : exitCodes.failed;
    for (const { worker } of this.#children.values()) worker.process.kill('SIGTERM');
    this.#endIfOver();
  }

  #endIfOver(): void {
    if (this.#children.size > 0) return;
    this.#hangs.stop();
    this.#over.resolve(this.#exitCode);
  }

  #say(line: string): void {
    this.#io.stderr.write(`rampart: ${line}\n`);
  }
}
