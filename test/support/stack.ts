import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './raw.ts';
import { freePorts } from './free-ports.ts';

export { freePorts } from './free-ports.ts';

export const rampartEntry = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const START_LIMIT_MS = 60_000;

/** What a command of Rampart said and how it ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Rampart as users start it: `rampart start` in a process of its own, on free ports, with a data directory of its own. */
export interface Stack {
  readonly url: string;
  readonly adminUrl: string;
  readonly key: string;
  readonly env: Record<string, string>;
  readonly dataDir: string;
  supervisor: ChildProcess;
  output(): string;
  status(): Promise<StackStatus>;
  metrics(): Promise<string>;
  /** Starts a supervisor again, after one was killed; resolves when it has said that all is up. */
  startAgain(): Promise<void>;
  /** Runs another command with the same settings. */
  run(...args: string[]): Promise<CommandResult>;
  /** Stops all of it as Ctrl-C does, and removes the data. */
  stop(): Promise<number | null>;
}

export interface StackStatus {
  readonly control: { readonly pid: number };
  readonly workers: readonly { readonly pid: number; readonly instance: number }[];
  readonly processes: readonly { readonly role: string; readonly pid: number; readonly instance: number }[];
  readonly backends: readonly { readonly backend: string; readonly up: boolean }[];
}

/** Settings for a stack of its own: free ports, a data directory in the system's temporary folder. */
export async function stackSettings(more: Record<string, string> = {}): Promise<Record<string, string>> {
  const first = await freePorts(10);
  const folder = mkdtempSync(join(tmpdir(), 'rampart-stack-'));
  // As root, PostgreSQL runs as another user, who must be able to pass: else its data would be put elsewhere, and stay.
  chmodSync(folder, 0o755);
  return {
    PORT: String(first),
    ADMIN_PORT: String(first + 1),
    GENERATOR_PORT: String(first + 2),
    RAMPART_DATA_DIR: folder,
    GATEWAY_WORKERS: '2',
    GENERATOR_INSTANCES: '2',
    ...more,
  };
}

function cleanEnvironment(settings: Record<string, string>): Record<string, string> {
  const { PATH = '', HOME = '', LANG = 'C.UTF-8', NODE_COMPILE_CACHE } = process.env;
  // With compiled modules, as `npm start` passes them on, the processes of a stack take a sixth less CPU time to start.
  const compiled = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
  return { PATH, HOME, LANG, ...compiled, ...settings };
}

export function spawnRampart(args: readonly string[], settings: Record<string, string>): ChildProcess {
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return spawn(process.execPath, [rampartEntry, ...args], {
    env: cleanEnvironment(settings),
    stdio: [...stdio],
    cwd: settings['PWD'] ?? tmpdir(),
  });
}

/** Runs a command to its end. */
export function runRampart(args: readonly string[], settings: Record<string, string>): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawnRampart(args, settings);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

export async function startStack(more: Record<string, string> = {}): Promise<Stack> {
  const env = await stackSettings(more);
  const dataDir = env['RAMPART_DATA_DIR'] as string;
  const url = `http://127.0.0.1:${env['PORT']}`;
  const adminUrl = `http://127.0.0.1:${env['ADMIN_PORT']}`;
  let output = '';
  const launch = async (): Promise<ChildProcess> => {
    const child = spawnRampart(['start'], env);
    const saidBefore = output.length;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually(
      'Rampart is up',
      () => {
        if (child.exitCode !== null) throw new Error(`rampart start ended with ${child.exitCode}: ${output}`);
        return output.slice(saidBefore).includes('Ctrl-C stops everything');
      },
      START_LIMIT_MS,
    );
    return child;
  };
  const supervisor = await launch();
  const stack: Stack = {
    url,
    adminUrl,
    key: /\brk_[\w-]+/.exec(output)?.[0] ?? '',
    env,
    dataDir,
    supervisor,
    output: () => output,
    status: async () => (await (await fetch(`${adminUrl}/api/status`)).json()) as StackStatus,
    metrics: async () => (await fetch(`${adminUrl}/metrics`)).text(),
    startAgain: async () => {
      stack.supervisor = await launch();
    },
    run: (...args) => runRampart(args, env),
    stop: async () => {
      const code = await endProcess(stack.supervisor, 'SIGINT');
      rmSync(dataDir, { recursive: true, force: true });
      return code;
    },
  };
  return stack;
}

export function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill(signal);
  });
}

/** Ids of the processes whose environment names this data directory: nothing of a stack can hide from it. */
export function processesOf(dataDir: string): number[] {
  const found: number[] = [];
  for (const entryName of readdirSync('/proc')) {
    if (!/^\d+$/.test(entryName)) continue;
    try {
      const environment = readFileSync(`/proc/${entryName}/environ`, 'utf8');
      const commandLine = readFileSync(`/proc/${entryName}/cmdline`, 'utf8');
      if (environment.includes(dataDir) || commandLine.includes(dataDir)) found.push(Number(entryName));
    } catch {
      // It has ended, or is not ours.
    }
  }
  return found;
}
