import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './raw.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface SystemdHostOptions {
  readonly folder: string;
  /** The unpacked package. */
  readonly packed: string;
  /** The folder of the units, rampart-test.target among them. */
  readonly units: string;
  /** The folder that becomes /etc/rampart. */
  readonly config: string;
}

/** A systemd that runs units beside the host's own. */
export interface SystemdHost {
  /** Runs a program there, as root; its exit code and what it printed. */
  run(program: string, ...args: string[]): { readonly code: number | null; readonly text: string };
  /** A property of the service. */
  show(property: string): string;
  stop(): Promise<void>;
}

/** Needs root, and systemd 252 or newer. */
export async function startSystemd({ folder, packed, units, config }: SystemdHostOptions): Promise<SystemdHost> {
  const mountPoint = join(folder, 'root');
  for (const each of [mountPoint, join(packed, 'node_modules')]) mkdirSync(each, { recursive: true });
  const script = fileURLToPath(new URL('systemd-host.sh', import.meta.url));
  const namespaces = ['--mount', '--pid', '--fork', '--uts', '--ipc', '--cgroup', '--kill-child'];
  const child = spawn('unshare', [...namespaces, 'bash', script], {
    env: {
      PATH: process.env['PATH'],
      ROOT: mountPoint,
      PACKAGE: packed,
      MODULES: join(root, 'node_modules'),
      UNITS: units,
      CONFIG: config,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const pid = await processOne(child, () => said);
  const run: SystemdHost['run'] = (program, ...args) => {
    const enter = ['-t', String(pid), '--mount', '--pid', '--root', '--wd', 'env', '-i', 'PATH=/usr/sbin:/usr/bin'];
    const { status, stdout, stderr } = spawnSync('nsenter', [...enter, program, ...args], { encoding: 'utf8' });
    return { code: status, text: `${stdout}${stderr}` };
  };
  await eventually('systemd answers', () => run('systemctl', 'show', '--property=Version').code === 0, 20_000);
  return {
    run,
    show: (property) => run('systemctl', 'show', 'rampart.service', `--property=${property}`, '--value').text.trim(),
    async stop() {
      const ended = new Promise((resolve) => void child.once('exit', resolve));
      process.kill(pid, 'SIGKILL');
      await ended;
    },
  };
}

async function processOne(child: ChildProcess, said: () => string): Promise<number> {
  const childrenOf = (): string => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
  await eventually(
    'systemd is process 1',
    () => {
      if (child.exitCode !== null) throw new Error(`systemd cannot run here: ${said()}`);
      const pid = childrenOf();
      return pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/lib/systemd/systemd\0');
    },
    10_000,
  );
  return Number(childrenOf());
}
