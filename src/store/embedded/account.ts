import { spawnSync } from 'node:child_process';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from '../../core/errors.ts';

/** The user that PostgreSQL runs as when Rampart runs as root, because PostgreSQL refuses to run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function idOf(flag: '-u' | '-g', name: string): number | undefined {
  const result = spawnSync('id', [flag, name], { encoding: 'utf8' });
  return result.status === 0 ? Number(result.stdout.trim()) : undefined;
}

function lookUp(name: string): Account | undefined {
  const uid = idOf('-u', name);
  const gid = idOf('-g', name);
  return uid === undefined || gid === undefined || uid === 0 ? undefined : { uid, gid };
}

function createSystemAccount(name: string): Account | undefined {
  const args = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent'];
  spawnSync('useradd', [...args, '--shell', '/usr/sbin/nologin', name], { stdio: 'ignore' });
  return lookUp(name);
}

/** An unprivileged account for the server: Debian's and Red Hat's `postgres` where there is one, else one of our own. */
export function serverAccount(): Account {
  const account = lookUp('postgres') ?? lookUp('rampart') ?? createSystemAccount('rampart') ?? lookUp('nobody');
  if (account !== undefined) return account;
  throw new UsageError(
    'Cannot start the embedded PostgreSQL as root, as PostgreSQL refuses to run as root and no other account can be made: start Rampart as an ordinary user, or set DATABASE_URL',
  );
}

/** Whether an account without further groups can pass through a folder with this owner and mode. */
export function maySearch(folder: { uid: number; gid: number; mode: number }, account: Account): boolean {
  const shift = folder.uid === account.uid ? 6 : folder.gid === account.gid ? 3 : 0;
  return ((folder.mode >> shift) & 0o1) === 1;
}

/** Whether the account can enter a folder: each folder on the way must let it pass. */
export async function canEnter(folder: string, account: Account): Promise<boolean> {
  for (let at = await realpath(folder); ; at = dirname(at)) {
    if (!maySearch(await stat(at), account)) return false;
    if (at === dirname(at)) return true;
  }
}
