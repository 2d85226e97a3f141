import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, chmodSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../root.ts';

/** What a process of Rampart is; PostgreSQL's are one. */
export type ProcessRole = 'supervisor' | 'control' | 'gateway' | 'generator' | 'PostgreSQL';

export interface HostProcess {
  readonly pid: number;
  readonly role: ProcessRole;
}

/** `rampart start` in a folder of its own. */
export interface WholeHost {
  readonly port: number;
  /** The first key. */
  readonly key: string;
  /** The processes of now. */
  processes(): HostProcess[];
  stop(): Promise<void>;
}

const START_MS = 60_000;

/** Starts two workers and two generators with an embedded PostgreSQL. `env`: more settings. */
export async function startWholeHost(port: number, env: NodeJS.ProcessEnv = {}): Promise<WholeHost> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bench-'));
  chmodSync(folder, 0o755);
  const child = spawn(process.execPath, [join(root, 'src/cli/main.ts'), 'start'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      GATEWAY_WORKERS: '2',
      GENERATOR_INSTANCES: '2',
      PORT: String(port),
      ADMIN_PORT: String(port + 1),
      GENERATOR_PORT: String(port + 2),
      RAMPART_DATA_DIR: folder,
      ...env,
    },
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await banner(child);
    const key = readFileSync(join(folder, 'first-key'), 'utf8').trim();
    return { port, key, processes: () => below(child.pid as number), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until everything is up. */
async function banner(child: ChildProcess): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGTERM'), START_MS);
  let text = '';
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (!text.includes('Rampart is up')) continue;
    clearTimeout(timer);
    child.stdout?.resume();
    return;
  }
  throw new Error(`Rampart did not start within ${START_MS} ms: got\n${text}`);
}

function below(pid: number): HostProcess[] {
  const children = childrenByParent();
  const found: HostProcess[] = [{ pid, role: 'supervisor' }];
  const waiting = [...(children.get(pid) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    waiting.push(...(children.get(next) ?? []));
    found.push({ pid: next, role: roleOf(readFileSync(`/proc/${next}/cmdline`, 'utf8')) });
  }
  return found;
}

function roleOf(commandLine: string): ProcessRole {
  const role = /main\.ts\0(control|gateway|generator)/.exec(commandLine)?.[1];
  return (role as ProcessRole | undefined) ?? 'PostgreSQL';
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch (error) {
      // The process has ended since the folder was read.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && (error as NodeJS.ErrnoException).code !== 'ESRCH')
        throw error;
    }
  }
  return children;
}
