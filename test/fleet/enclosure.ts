// Namespaces of the kernel for a whole run: network, mounts, processes. Whatever ends the run, even SIGKILL, the kernel ends
// every process in them and removes every interface; names in them cannot collide with those of another run.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Set in the process that runs inside. */
const MARK = 'RAMPART_FLEET_ENCLOSED';

/** Programs that a run needs, with their Debian packages. redis-check-rdb is the server under another name, without its service. */
export const fleetTools = [
  { program: '/usr/sbin/ip', debianPackage: 'iproute2' },
  { program: '/usr/sbin/nft', debianPackage: 'nftables' },
  { program: '/usr/bin/redis-check-rdb', debianPackage: 'redis-tools' },
] as const;

const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
/** A folder in memory for the names of network namespaces, sockets and data: it goes with the run. */
const withFolder = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && ';
/** PostgreSQL refuses to run as root, and a run may have no other user: so it gets a user namespace, in which root is one. */
export const asOrdinaryUser = ['unshare', '--user', '--map-user=1000', '--map-group=1000'] as const;
/** Everything that a run does with the kernel, once. */
const trial = [
  'ip link add br0 type bridge',
  'ip netns add trial',
  'ip link add v0 type veth peer name eth0 netns trial',
  'nsenter --net=/run/netns/trial nft add table inet trial',
  [...asOrdinaryUser, 'true'].join(' '),
].join(' && ');

/** Root needs no user namespace; elsewhere one makes an ordinary user root over the namespaces within it. */
const waysIn: readonly (readonly string[])[] =
  process.getuid?.() === 0
    ? [namespaces, ['--user', '--map-root-user', ...namespaces]]
    : [['--user', '--map-root-user', ...namespaces]];

export const isEnclosed = (): boolean => process.env[MARK] === '1';

/** What this machine lacks for a run, and what would help; undefined if it lacks nothing. */
export function fleetProblem(): string | undefined {
  const missing = fleetTools.filter(({ program }) => !existsSync(program));
  if (missing.length > 0)
    return `not installed: ${missing.map(({ program, debianPackage }) => `${program} (Debian package ${debianPackage})`).join(', ')}`;
  const way = findWayIn();
  return typeof way === 'string' ? way : undefined;
}

function findWayIn(): readonly string[] | string {
  let problem = '';
  for (const way of waysIn) {
    const { status, stderr, error } = spawnSync('unshare', [...way, 'sh', '-c', `${withFolder}${trial}`], {
      encoding: 'utf8',
    });
    if (status === 0) return way;
    problem = error?.message ?? stderr.trim();
  }
  return (
    `network namespaces cannot be made here: ${problem}. Run as root with CAP_SYS_ADMIN, or allow user namespaces ` +
    '(sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu)'
  );
}

/** Starts a program of Node inside. It ends with this process, because its standard input then ends. */
export function startEnclosed(
  file: string,
  args: readonly string[],
  output: 'inherit' | 'pipe' = 'inherit',
): ChildProcess {
  const way = findWayIn();
  if (typeof way === 'string') throw new Error(way);
  // The shell is process 1: it collects orphans that have ended, and its own end is the end of all.
  const command = `${withFolder}"$@"; exit $?`;
  return spawn('unshare', [...way, 'sh', '-c', command, 'sh', process.execPath, file, ...args], {
    stdio: ['pipe', output, output],
    env: { ...process.env, [MARK]: '1' },
  });
}

/** Inside: ends this process, and so everything in the namespaces, when the process outside has ended or a signal comes. */
export function endWithOutside(): void {
  process.stdin.on('close', () => process.exit(130)).resume();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
}
