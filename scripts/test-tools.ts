import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fleetTools } from '../test/fleet/enclosure.ts';

/** Programs that some tests use for comparison or for reading, with their Debian packages. */
const tools = [
  { program: '/usr/bin/zbarimg', debianPackage: 'zbar-tools' },
  { program: '/usr/bin/dmtxread', debianPackage: 'dmtx-utils' },
  { program: '/usr/bin/gs', debianPackage: 'ghostscript' },
  { program: '/usr/sbin/nginx', debianPackage: 'nginx-light' },
  { program: '/usr/bin/wrk', debianPackage: 'wrk' },
  { program: '/usr/bin/zsh', debianPackage: 'zsh' },
  { program: '/usr/bin/fish', debianPackage: 'fish' },
  { program: '/usr/sbin/haproxy', debianPackage: 'haproxy' },
  { program: '/usr/bin/caddy', debianPackage: 'caddy' },
  { program: '/usr/sbin/keepalived', debianPackage: 'keepalived' },
  { program: '/usr/sbin/logrotate', debianPackage: 'logrotate' },
  { program: '/usr/bin/systemd-socket-activate', debianPackage: 'systemd' },
  { program: '/usr/bin/chromium', debianPackage: 'chromium' },
  ...fleetTools,
] as const;

/**
 * Installs missing programs if possible (root, Debian); a test whose program is missing is skipped with that reason.
 */
export function ensureTestTools(): void {
  ensurePrograms(tools);
  ensurePromtool();
}

/** promtool alone, out of the package prometheus: installed, it would start a daemon. */
function ensurePromtool(): void {
  const target = '/usr/local/bin';
  if (existsSync('/usr/bin/promtool') || existsSync(join(target, 'promtool'))) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.log('Missing here: promtool (of the Debian package prometheus; only root can put it here)');
    return;
  }
  console.log('Putting promtool into /usr/local/bin');
  const folder = mkdtempSync(join(tmpdir(), 'rampart-promtool-'));
  try {
    const run = (command: string, ...args: readonly string[]): string | undefined => {
      const { status, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
      return status === 0 ? undefined : `${command} ${args[0]}: ${error?.message ?? stderr.trim()}`;
    };
    const download = (): string | undefined => run('apt-get', 'download', '-q', 'prometheus');
    // A machine whose lists of packages are old finds none.
    const missed = download() === undefined ? undefined : (run('apt-get', 'update', '-q') ?? download());
    const [file = ''] = readdirSync(folder);
    const unpack = `dpkg-deb --fsys-tarfile "$1" | tar -xC ${target} --strip-components=3 ./usr/bin/promtool`;
    const problem = missed ?? run('sh', '-c', unpack, 'sh', file);
    if (problem !== undefined) console.log(`promtool could not be put there: ${problem}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same for any programs. */
export function ensurePrograms(wanted: readonly { readonly program: string; readonly debianPackage: string }[]): void {
  const missing = wanted.filter(({ program }) => !existsSync(program)).map(({ debianPackage }) => debianPackage);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.log(`Missing here: ${missing.join(', ')} (Debian packages; only root can install them here)`);
    return;
  }
  console.log(`Installing ${missing.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-q'], { env, stdio: 'ignore' });
  const args = ['install', '-y', '-q', '--no-install-recommends', ...missing];
  const { status, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' });
  if (status !== 0) console.log(`apt-get could not install ${missing.join(', ')}: ${stderr.trim()}`);
}
