import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

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
  { program: '/usr/sbin/logrotate', debianPackage: 'logrotate' },
  { program: '/usr/bin/systemd-socket-activate', debianPackage: 'systemd' },
  { program: '/usr/bin/chromium', debianPackage: 'chromium' },
] as const;

/**
 * Installs missing programs if possible (root, Debian); a test whose program is missing is skipped with that reason.
 */
export function ensureTestTools(): void {
  ensurePrograms(tools);
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
