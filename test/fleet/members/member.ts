import { type ChildProcess, spawn } from 'node:child_process';
import { endProcess } from '../../support/stack.ts';
import { eventually } from '../../support/raw.ts';
import type { Place } from '../network.ts';

const KEPT_OUTPUT = 64 * 1024;

/** A process in a network namespace. */
export class Member {
  readonly child: ChildProcess;
  #output = '';

  constructor(place: Place, program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { PATH = '', HOME = '/root', NODE_COMPILE_CACHE = '' } = process.env;
    // nsenter becomes the program: the id of the child is that of the program.
    this.child = spawn('nsenter', [`--net=/run/netns/${place.name}`, program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // With compiled modules, as `npm start` passes them on, hosts take less time to start.
      env: { PATH, HOME, LANG: 'C.UTF-8', ...(NODE_COMPILE_CACHE !== '' && { NODE_COMPILE_CACHE }), ...env },
      cwd: '/run',
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT);
      });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`The process did not start: ${this.child.spawnfile}`);
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get output(): string {
    return this.#output;
  }

  /** Waits until it has said something. */
  said(text: string, limitMs = 30_000): Promise<void> {
    return eventually(
      `a process says "${text}"`,
      () => {
        if (this.#output.includes(text)) return true;
        if (!this.isRunning) throw new Error(`A process ended before it said "${text}": ${this.#output}`);
        return false;
      },
      limitMs,
    );
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await endProcess(this.child, signal);
  }
}
