import { createHash } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { UsageError, codeOf, messageOf } from '../../core/errors.ts';
import type { Account } from './account.ts';
import { canEnter, isRoot, serverAccount } from './account.ts';

/** Where the embedded PostgreSQL lives, and as whom. */
export interface Placement {
  /** Holds the data, the log and, where needed, a copy of the programs; mode 0700. */
  readonly folder: string;
  /** PostgreSQL's own data directory. */
  readonly data: string;
  /** Holds the Unix socket and nothing else; mode 0700. */
  readonly socketFolder: string;
  readonly logFile: string;
  /** Undefined where the server runs as whoever runs Rampart. */
  readonly account: Account | undefined;
}

/** Where root's database goes when the server's account cannot enter RAMPART_DATA_DIR. */
const SYSTEM_FOLDER = '/var/lib/rampart';
/** In the data directory: tells that its database is elsewhere, even after the directory has been moved. */
const POINTER_FILE = 'postgres.location';
/** Linux takes 107 bytes, macOS 103, of which `/.s.PGSQL.5432` needs 14. */
const SOCKET_FOLDER_BYTES = 103 - '/.s.PGSQL.5432'.length;

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function refusal(folder: string, error: unknown): UsageError {
  return new UsageError(
    `Cannot keep the embedded PostgreSQL in ${folder}: ${messageOf(error)}. Set RAMPART_DATA_DIR to a folder that can be written, or DATABASE_URL to a PostgreSQL that is already there`,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
      throw error;
    },
  );
}

/** The socket's folder for data in `folder`: beside the data, or in the system's folder for temporary files where that path is too long. */
export function socketFolderFor(folder: string, temporary: string, uid: number): string {
  const beside = join(folder, 'run');
  if (Buffer.byteLength(beside) <= SOCKET_FOLDER_BYTES) return beside;
  return join(temporary, `rampart-${shortHash(`${uid} ${folder}`)}`);
}

function placementIn(folder: string, account: Account | undefined): Placement {
  const uid = account?.uid ?? process.getuid?.() ?? 0;
  return {
    folder,
    data: join(folder, 'data'),
    socketFolder: socketFolderFor(folder, tmpdir(), uid),
    logFile: join(folder, 'server.log'),
    account,
  };
}

/** Where an embedded PostgreSQL of this data directory already is, or undefined where there is none yet. Changes nothing. */
export async function findPlacement(dataDir: string): Promise<Placement | undefined> {
  const root = resolve(dataDir);
  try {
    const pointed = (await readFile(join(root, POINTER_FILE), 'utf8').catch(() => '')).trim();
    const folder = pointed === '' ? join(await realpath(root), 'postgres') : pointed;
    if (!(await exists(join(folder, 'data')))) return undefined;
    const owner = await stat(join(folder, 'data'));
    return placementIn(folder, isRoot() ? { uid: owner.uid, gid: owner.gid } : undefined);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw refusal(root, error);
  }
}

async function privateFolder(folder: string, account: Account | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (account !== undefined) await chown(folder, account.uid, account.gid);
  const made = await lstat(folder);
  const uid = account?.uid ?? process.getuid?.();
  // In a folder that all may write to, somebody else may have been there first, with a link or with a folder of theirs.
  if (!made.isDirectory() || made.uid !== uid) throw new Error(`${folder} is not a folder that belongs to user ${uid}`);
  if ((made.mode & 0o777) !== 0o700) await chmod(folder, 0o700);
}

/** For root: in the data directory if the server's account can enter it, else under a folder of the system's. */
async function chooseForRoot(root: string, account: Account): Promise<string> {
  if (await canEnter(root, account)) return join(root, 'postgres');
  const home = join(SYSTEM_FOLDER, shortHash(root));
  await mkdir(home, { recursive: true, mode: 0o711 });
  await chmod(SYSTEM_FOLDER, 0o711);
  await chmod(home, 0o711);
  await writeFile(join(root, POINTER_FILE), `${join(home, 'postgres')}\n`);
  return join(home, 'postgres');
}

/** Where the embedded PostgreSQL of this data directory is or is to be; makes its folders. */
export async function makePlacement(dataDir: string): Promise<Placement> {
  const found = await findPlacement(dataDir);
  try {
    await mkdir(resolve(dataDir), { recursive: true });
    const root = await realpath(resolve(dataDir));
    const account = found?.account ?? (isRoot() ? serverAccount() : undefined);
    const folder = found?.folder ?? (account ? await chooseForRoot(root, account) : join(root, 'postgres'));
    const placement = placementIn(folder, account);
    await privateFolder(placement.folder, account);
    await privateFolder(placement.socketFolder, account);
    if (account !== undefined && !(await canEnter(placement.folder, account)))
      throw new Error(`user ${account.uid}, whose database it is, cannot enter it any more`);
    return placement;
  } catch (error) {
    throw refusal(resolve(dataDir), error);
  }
}
