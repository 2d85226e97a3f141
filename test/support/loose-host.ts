import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { eventually } from './raw.ts';
import { endProcess, processesOf, runRampart, spawnRampart, type StackStatus, stackSettings } from './stack.ts';

/** A backend as `/api/status` shows it. */
export interface ShownBackend {
  readonly backend: string;
  readonly up: boolean | null;
  readonly cap: number;
  readonly leased: number;
}

/** A host whose processes were started one by one, as under pm2 or systemd: nobody starts again what ends. */
export interface LooseHost {
  readonly url: string;
  readonly key: string;
  readonly settings: Record<string, string>;
  status(): Promise<StackStatus>;
  metrics(): Promise<string>;
  backends(): Promise<readonly ShownBackend[]>;
  /** Ids of the backends that are up, once they are these. */
  usable(...ids: string[]): Promise<void>;
  startControl(): Promise<ChildProcess>;
  startGenerator(instance: number): ChildProcess;
  /** What all processes have said. */
  output(): string;
  stop(): Promise<void>;
}

const LIMIT_MS = 30_000;

/** Control, a gateway with two workers, and no generator yet. */
export async function startLooseHost(more: Record<string, string> = {}): Promise<LooseHost> {
  const settings = await stackSettings(more);
  const adminUrl = `http://127.0.0.1:${settings['ADMIN_PORT']}`;
  const children: ChildProcess[] = [];
  let output = '';
  const spawn = (args: readonly string[], env: Record<string, string> = {}): ChildProcess => {
    const child = spawnRampart(args, { ...settings, ...env });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    children.push(child);
    return child;
  };
  const host: LooseHost = {
    url: `http://127.0.0.1:${settings['PORT']}`,
    get key() {
      return key;
    },
    settings,
    status: async () => (await (await fetch(`${adminUrl}/api/status`)).json()) as StackStatus,
    metrics: async () => (await fetch(`${adminUrl}/metrics`)).text(),
    backends: async () => (await host.status()).backends as unknown as readonly ShownBackend[],
    usable: (...ids) =>
      eventually(
        `these are up: ${ids.join(', ')}`,
        async () => {
          const up = (await host.backends()).filter((one) => one.up === true).map(({ backend }) => backend);
          return up.toSorted().join() === ids.toSorted().join();
        },
        LIMIT_MS,
      ),
    startControl: async () => {
      const child = spawn(['control']);
      await eventually(
        'control is ready',
        () =>
          fetch(`${adminUrl}/api/status`).then(
            ({ ok }) => ok,
            () => false,
          ),
        LIMIT_MS,
      );
      return child;
    },
    startGenerator: (instance) => spawn(['generator'], { RAMPART_INSTANCE: String(instance) }),
    output: () => output,
    stop: async () => {
      for (const child of children.toReversed()) await endProcess(child, 'SIGTERM');
      for (const pid of processesOf(settings['RAMPART_DATA_DIR'] as string)) process.kill(pid, 'SIGKILL');
      rmSync(settings['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
    },
  };
  let key = '';
  try {
    await host.startControl();
    spawn(['gateway', '--workers', settings['GATEWAY_WORKERS'] as string]);
    const { stdout } = await runRampart(['keys', 'create', '--json'], settings);
    ({ key } = JSON.parse(stdout) as { key: string });
    await eventually('the workers are there', async () => (await host.status()).workers.length === 2, LIMIT_MS);
  } catch (error) {
    await host.stop();
    throw new Error(`The host did not start: ${output}`, { cause: error });
  }
  return host;
}
