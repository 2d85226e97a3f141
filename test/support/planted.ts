import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { System } from '../../src/lab/system/system.ts';

const entry = fileURLToPath(new URL('planted-server.ts', import.meta.url));

/** A server whose bottleneck is known, as the lab sees one; on one processor where it has more processes than that. */
export async function startPlanted(kind: string, holdMs: number): Promise<System> {
  const command = [process.execPath, entry, kind, String(holdMs)];
  const pinned = kind === 'processors' ? ['taskset', '-c', firstProcessor(), ...command] : command;
  const child = spawn(pinned[0] as string, pinned.slice(1), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const said = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('exit', (code) => reject(new Error(`the planted server ended with ${code}`)));
  });
  const { port, pids } = JSON.parse(said) as { port: number; pids: number[] };
  return {
    name: kind,
    url: `http://127.0.0.1:${port}`,
    key: '',
    settings: {},
    processes: async () => pids.map((pid, instance) => ({ role: 'planted', instance, pid })),
    metrics: async () => undefined,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
    },
  };
}

const firstProcessor = (): string =>
  /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
