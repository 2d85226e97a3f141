import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { freePorts } from '../../core/free-ports.ts';
import type { Random } from '../../core/random.ts';
import { processTree, type WatchedProcess } from './process-watch.ts';
import type { System } from './system.ts';

export interface OwnSystemOptions {
  readonly name: string;
  /** Sizes; ports and data directory are chosen here. */
  readonly settings: Readonly<Record<string, string>>;
  /** The file of `rampart`. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface OwnSystemDependencies {
  readonly clock: Clock;
  readonly random: Random;
}

const UP = 'Ctrl-C stops everything';
const START_LIMIT_MS = 90_000;
const POLL_MS = 50;
const METRICS_LIMIT_MS = 2000;

/**
 * Starts `rampart start` with free ports and a data directory of its own, and resolves when every backend is up. Its key is
 * the one that it makes for itself, and goes with its database.
 */
export async function startOwnSystem(options: OwnSystemOptions, deps: OwnSystemDependencies): Promise<System> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-lab-'));
  // As root, PostgreSQL runs as another user, who must be able to pass.
  chmodSync(folder, 0o755);
  const own = new OwnSystem(options, deps, folder);
  try {
    await own.start();
    return own;
  } catch (error) {
    await own.stop();
    throw error;
  }
}

class OwnSystem implements System {
  readonly name: string;
  readonly #options: OwnSystemOptions;
  readonly #deps: OwnSystemDependencies;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #output = '';
  #stopping: Promise<void> | undefined;
  #adminUrl = '';
  settings: Record<string, string> = {};
  url = '';
  key = '';

  constructor(options: OwnSystemOptions, deps: OwnSystemDependencies, folder: string) {
    this.name = options.name;
    this.#options = options;
    this.#deps = deps;
    this.#folder = folder;
  }

  async start(): Promise<void> {
    this.settings = { LOG_LEVEL: 'error', ...this.#options.settings };
    const generators = Number(this.settings['GENERATOR_INSTANCES'] ?? availableParallelism());
    const port = await freePorts(generators + 2, this.#deps.random);
    this.url = `http://127.0.0.1:${port}`;
    this.#adminUrl = `http://127.0.0.1:${port + 1}`;
    this.#spawn({
      ...this.settings,
      PORT: String(port),
      ADMIN_PORT: String(port + 1),
      GENERATOR_PORT: String(port + 2),
      RAMPART_DATA_DIR: join(this.#folder, 'data'),
    });
    await this.#until('it says that it is up', async () => this.#output.includes(UP));
    this.key = /\brk_[\w-]{20,}/.exec(this.#output)?.[0] ?? '';
    await this.#until('its backends are up', async () => {
      const { backends } = await this.#status();
      return backends.length > 0 && backends.every(({ up }) => up);
    });
  }

  async processes(): Promise<readonly WatchedProcess[]> {
    const { control, workers, processes } = await this.#status();
    const known = [{ role: 'control', instance: 0, pid: control.pid }, ...workers, ...processes];
    const roles = new Map(known.map((each) => [each.pid, each]));
    return processTree(this.#child?.pid ?? 0).map(({ pid, command }, instance) => {
      const role = command.includes('postgres') ? 'postgres' : pid === this.#child?.pid ? 'supervisor' : 'other';
      const { role: knownRole = role, instance: number = instance } = roles.get(pid) ?? {};
      return { role: knownRole, instance: number, pid };
    });
  }

  async metrics(): Promise<string | undefined> {
    // A control that hangs must not hold up the measurement of the workers.
    return (await fetch(`${this.#adminUrl}/metrics`, { signal: AbortSignal.timeout(METRICS_LIMIT_MS) })).text();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end().finally(() => {
      process.off('exit', this.#interrupt);
      rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
    });
    return this.#stopping;
  }

  #spawn(settings: Readonly<Record<string, string>>): void {
    const { PATH = '', HOME = '', LANG = 'C.UTF-8' } = this.#options.env;
    // In a group of its own: a Ctrl-C at the terminal is ours to pass on, once.
    const child = spawn(process.execPath, [this.#options.entry, 'start'], {
      env: { PATH, HOME, LANG, ...settings },
      cwd: this.#folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = `${this.#output}${chunk.toString()}`.slice(-20_000);
      });
    }
    this.#child = child;
    process.once('exit', this.#interrupt);
  }

  readonly #interrupt = (): void => void this.#child?.kill('SIGINT');

  async #end(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    await ended;
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#deps;
    const giveUpAt = clock.now() + START_LIMIT_MS;
    while (!(await isSo())) {
      const code = this.#child?.exitCode ?? undefined;
      const ended = code === undefined ? undefined : `it ended with exit code ${code}`;
      const reason = ended ?? (clock.now() > giveUpAt ? `after ${START_LIMIT_MS / 1000} s not ${what}` : undefined);
      if (reason !== undefined)
        throw new Error(`Cannot start the topology '${this.name}': ${reason}:\n${this.#output}`);
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, POLL_MS));
    }
  }

  async #status(): Promise<Status> {
    return (await (await fetch(`${this.#adminUrl}/api/status`)).json()) as Status;
  }
}

interface Status {
  readonly control: { readonly pid: number };
  readonly workers: readonly WatchedProcess[];
  readonly processes: readonly WatchedProcess[];
  readonly backends: readonly { readonly up: boolean }[];
}
