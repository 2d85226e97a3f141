import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './raw.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the last stage of a Containerfile says about the process that a container runs. */
export interface ContainerImage {
  readonly bases: readonly string[];
  readonly args: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly folder: string;
  readonly stopSignal: string;
  readonly healthCheck: readonly string[];
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
}

export function readContainerfile(path: string): ContainerImage {
  const text = readFileSync(path, 'utf8')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '');
  const instructions = text.split('\n').map((line) => /^([A-Z]+) (.*)$/.exec(line)?.slice(1) ?? []);
  const all = (name: string): string[] => instructions.flatMap(([each, rest = '']) => (each === name ? [rest] : []));
  const last = (name: string): string => all(name).at(-1) ?? '';
  const pairs = (texts: readonly string[]): Record<string, string> =>
    Object.fromEntries(texts.flatMap((each) => each.split(/\s+/)).map((each) => each.split(/=(.*)/s).slice(0, 2)));
  return {
    bases: all('FROM'),
    args: pairs(all('ARG')),
    env: pairs(all('ENV')),
    user: last('USER'),
    folder: last('WORKDIR'),
    stopSignal: last('STOPSIGNAL'),
    healthCheck: JSON.parse(/CMD (\[.*)$/.exec(last('HEALTHCHECK'))?.[1] ?? '[]') as string[],
    entryPoint: JSON.parse(last('ENTRYPOINT')) as string[],
    command: JSON.parse(last('CMD')) as string[],
  };
}

/** A process that runs as a container would run it. */
export interface Contained {
  readonly child: ChildProcess;
  /** Process 1 of the container, by its id here. */
  readonly pid: number;
  said(): string;
  /** Runs a command in the container, as its user. */
  exec(...command: string[]): ChildProcess;
}

/**
 * A root file system of its own in memory, with the program in /opt/rampart, read-only but for /data and /tmp; a process
 * namespace of its own; a numeric user without a name and without a capability. The network is that of the host.
 */
const script = `set -e
mount -t tmpfs -o mode=755 tmpfs "$ROOT"
cd "$ROOT"
mkdir -p usr proc dev opt/bin opt/rampart data tmp etc/rampart
for link in bin sbin lib lib64; do if [ -L /$link ]; then cp -d /$link .; elif [ -d /$link ]; then mkdir $link; mount --rbind /$link $link; fi; done
mount --rbind /usr usr
mount --bind "$PACKAGE" opt/rampart
mount --bind "$MODULES" opt/rampart/node_modules
ln -s /opt/rampart/node_modules/$(basename "$(dirname "$(dirname "$(readlink -f "$MODULES/.bin/node")")")")/bin/node opt/bin/node
cp "$CONFIG" etc/rampart/
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs tmp
mount --bind "$DATA" data
for place in opt/rampart/node_modules opt/rampart usr; do mount -o remount,bind,ro $place; done
mount -o remount,ro "$ROOT"
exec env -i $ENVIRONMENT PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$ROOT" bash -c 'cd "$0" && exec setpriv --reuid "$1" --regid "$1" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "\${@:2}"' "$WORKDIR" "$ACCOUNT" "$@"
`;

export interface ContainerOptions {
  readonly image: ContainerImage;
  /** The unpacked package; it gets an empty node_modules. */
  readonly packed: string;
  readonly folder: string;
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts what the image says. Needs root, and Linux. */
export async function startContained({ image, packed, folder, config, env }: ContainerOptions): Promise<Contained> {
  const account = image.user.split(':')[0] ?? '';
  const [mountPoint, data] = [join(folder, 'root'), join(folder, 'data')];
  for (const each of [mountPoint, data, join(packed, 'node_modules')]) mkdirSync(each, { recursive: true });
  chownSync(data, Number(account), Number(account));
  chmodSync(folder, 0o755);
  const environment = Object.entries({ ...image.env, ...env }).map(([name, value]) => `${name}=${value}`);
  const scriptFile = join(folder, 'contained.sh');
  writeFileSync(scriptFile, script);
  const child = spawn(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child', 'sh', scriptFile, ...image.entryPoint, ...image.command],
    {
      env: {
        PATH: process.env['PATH'],
        ROOT: mountPoint,
        PACKAGE: packed,
        MODULES: join(root, 'node_modules'),
        DATA: data,
        CONFIG: config,
        WORKDIR: image.folder,
        ACCOUNT: account,
        ENVIRONMENT: environment.join(' '),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await eventually(
    'it is up',
    () => {
      if (child.exitCode !== null) throw new Error(`the container ended with ${child.exitCode}: ${text}`);
      return text.includes('Ctrl-C stops everything');
    },
    30_000,
  );
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
  return {
    child,
    pid,
    said: () => text,
    exec: (...command) =>
      spawn(
        'nsenter',
        [
          '-t',
          String(pid),
          '--mount',
          '--pid',
          '--root',
          '--wd',
          'env',
          '-i',
          'PATH=/usr/bin:/bin',
          ...environment,
        ].concat('setpriv', '--reuid', account, '--regid', account, '--clear-groups', '--no-new-privs', ...command),
        { stdio: ['ignore', 'pipe', 'pipe'] },
      ),
  };
}
