import { lchown, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { extract, list, type ReadEntry } from 'tar';
import type { Clock } from '../../core/clock.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import { draftIn, removeOldDrafts } from '../embedded/drafts.ts';
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import { findNativePackage } from '../embedded/native.ts';
import { makePlacement, type Placement } from '../embedded/placement.ts';
import { livePostmaster, queryOnce } from '../embedded/postmaster.ts';
import { migrate } from '../migrations.ts';
import {
  type BackupManifest,
  COMPLETE,
  completeSchema,
  DATA_PREFIX,
  MANIFEST,
  manifestSchema,
} from './backup-format.ts';

export interface RestoreOptions {
  readonly file: string;
  readonly dataDir: string;
  /** Whether a database that is there already is moved aside. */
  readonly replaces: boolean;
  readonly clock: Clock;
}

export interface RestoreReport {
  readonly createdAt: string;
  readonly records: number;
  readonly keys: number;
  /** Where the database before is now, if there was one. */
  readonly movedTo: string | undefined;
}

const MAX_MANIFEST_BYTES = 64 * 1024;

/**
 * Puts the embedded database of a data directory back as it was at a backup. The archive is checked as a whole before
 * anything is changed; a database that does not come up is taken away again.
 */
export async function restoreBackup({ file, dataDir, replaces, clock }: RestoreOptions): Promise<RestoreReport> {
  const manifest = await checkArchive(file);
  const major = (await findNativePackage()).version.split('.')[0];
  if (manifest.postgresMajor !== major)
    throw new UsageError(
      `Cannot restore ${file}, as PostgreSQL ${manifest.postgresMajor} has written it and this Rampart has PostgreSQL ${major}: restore it with the Rampart that made it, and move the data over with pg_dump (docs/records.md)`,
    );
  const place = await makePlacement(dataDir);
  if ((await livePostmaster(place)) !== undefined)
    throw new UsageError(`Cannot restore into ${dataDir}, as its PostgreSQL runs: stop Rampart first (rampart stop)`);
  await removeOldDrafts(place.folder);
  const hasData = (await readdir(place.folder)).includes('data');
  if (hasData && !replaces)
    throw new UsageError(
      `Cannot restore into ${dataDir}, as it has a database: --replace moves that aside, or set RAMPART_DATA_DIR to a new folder`,
    );
  const draft = draftIn(place.folder);
  try {
    await unpack(file, draft, place);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  const movedTo = hasData ? `${place.data}-before-${clock.wallNow()}` : undefined;
  if (movedTo !== undefined) await rename(place.data, movedTo);
  await rename(draft, place.data);
  try {
    return { createdAt: manifest.createdAt, movedTo, ...(await comeUp(dataDir)) };
  } catch (error) {
    await rm(place.data, { recursive: true, force: true });
    if (movedTo !== undefined) await rename(movedTo, place.data);
    throw error;
  }
}

/** Reads all of it: what it is, and whether it is whole. */
async function checkArchive(file: string): Promise<BackupManifest> {
  const texts = new Map<string, string>();
  let files = 0;
  let foreign: string | undefined;
  const take = (entry: ReadEntry): void => {
    if (entry.type === 'File') files++;
    // One that is too large is foreign, and is not read into memory.
    if ((entry.path === MANIFEST || entry.path === COMPLETE) && entry.size <= MAX_MANIFEST_BYTES) {
      entry.on('data', (chunk: Buffer) => texts.set(entry.path, `${texts.get(entry.path) ?? ''}${chunk.toString()}`));
      return;
    }
    if (!isOurs(entry)) foreign ??= entry.path;
    entry.resume();
  };
  await list({ file, strict: true, onReadEntry: take }).catch((error: unknown) => {
    throw new UsageError(`Cannot restore ${file}, as it cannot be read as a backup: ${messageOf(error)}`);
  });
  const manifest = manifestSchema.safeParse(parsed(texts.get(MANIFEST)));
  if (!manifest.success || foreign !== undefined) {
    const why = foreign === undefined ? `it has no ${MANIFEST} of this version` : `it has an entry ${foreign}`;
    throw new UsageError(`Cannot restore ${file}, as it is no backup of Rampart: ${why}`);
  }
  const complete = completeSchema.safeParse(parsed(texts.get(COMPLETE)));
  // The last file itself is not in its own count.
  if (!complete.success || complete.data.files !== files - 1)
    throw new UsageError(`Cannot restore ${file}, as it is incomplete: the backup was cut off, or files are missing`);
  return manifest.data;
}

/** Whether an entry belongs into the data directory. */
const isOurs = ({ path, type }: ReadEntry): boolean =>
  (type === 'File' || type === 'Directory') && path.startsWith(DATA_PREFIX) && !/(^|\/)\.\.?(\/|$)/.test(path);

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '') as unknown;
  } catch {
    return undefined;
  }
}

async function unpack(file: string, draft: string, place: Placement): Promise<void> {
  await mkdir(draft, { mode: 0o700 });
  await extract({
    file,
    cwd: draft,
    strict: true,
    strip: 1,
    preserveOwner: false,
    filter: (path) => path.startsWith(DATA_PREFIX),
  });
  if (place.account !== undefined) await giveTo(draft, place.account);
}

async function giveTo(folder: string, { uid, gid }: { readonly uid: number; readonly gid: number }): Promise<void> {
  await lchown(folder, uid, gid);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    await lchown(join(entry.parentPath, entry.name), uid, gid);
}

/** Lets PostgreSQL recover, brings the schema up to date, counts, and stops it again. */
async function comeUp(dataDir: string): Promise<{ records: number; keys: number }> {
  const server = await startEmbeddedPostgres({ dataDir });
  try {
    await migrate(server.url);
    const [counts] = await queryOnce(
      server.url,
      'SELECT (SELECT count(*) FROM barcodes) AS records, (SELECT count(*) FROM api_keys) AS keys',
    );
    return { records: Number(counts?.['records']), keys: Number(counts?.['keys']) };
  } finally {
    await server.stop();
  }
}
