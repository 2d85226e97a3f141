import { once } from 'node:events';
import { createWriteStream, type Dirent } from 'node:fs';
import { link, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';
import { Client } from 'pg';
import type { Clock } from '../../core/clock.ts';
import { codeOf, messageOf, UsageError } from '../../core/errors.ts';
import { ArchiveWriter } from './archive-writer.ts';
import { BACKUP_FORMAT, type BackupManifest, COMPLETE, DATA_PREFIX, MANIFEST } from './backup-format.ts';

export interface BackupOptions {
  /** Of the running server. */
  readonly url: string;
  /** Its data directory. */
  readonly data: string;
  /** The archive to write; it appears under its name when it is complete. */
  readonly file: string;
  /** Whether a file that is there is replaced. */
  readonly replaces: boolean;
  readonly clock: Clock;
}

export interface BackupReport {
  readonly files: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** Folders of which only the folder itself is needed (PostgreSQL manual, §25.3.4). */
const emptied: ReadonlySet<string> = new Set([
  'pg_wal',
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);
const leftOut = /^(postmaster\.(pid|opts)|pg_internal\.init|pgsql_tmp.*|backup_label(\.old)?|tablespace_map(\.old)?)$/;
const walName = /^(?:[0-9A-F]{24}|[0-9A-F]{8}\.history)$/;

/**
 * Copies the files of a running PostgreSQL into an archive: a base backup (PostgreSQL manual, §25.3.4), because the
 * package of the embedded server has no pg_dump. Writers go on meanwhile.
 */
export async function backUp(options: BackupOptions): Promise<BackupReport> {
  const { url, file, replaces, clock } = options;
  const startedAt = clock.now();
  const draft = `${file}.partial-${process.pid}`;
  const client = new Client({ connectionString: url, application_name: 'rampart backup' });
  client.on('error', () => {});
  await client.connect();
  try {
    const files = await writeDraft(client, draft, options);
    const handle = await open(draft, 'r');
    const { size } = await handle.stat();
    await handle.sync();
    await handle.close();
    // A link is refused if another backup has made the file meanwhile.
    if (replaces) await rename(draft, file);
    else {
      await link(draft, file);
      await rm(draft);
    }
    return { files, bytes: size, seconds: (clock.now() - startedAt) / 1000 };
  } catch (error) {
    await rm(draft, { force: true });
    throw refusalOf(error, file);
  } finally {
    // Ends a backup that was not completed, and the slot.
    await client.end();
  }
}

/** What the system or PostgreSQL has refused, as people can read it; anything else is a bug. */
function refusalOf(error: unknown, file: string): unknown {
  if (error instanceof UsageError || codeOf(error) === undefined) return error;
  return new UsageError(`Cannot write the backup ${file}: ${messageOf(error)}`);
}

async function writeDraft(client: Client, draft: string, options: BackupOptions): Promise<number> {
  const gzip = createGzip({ level: 1 });
  const out = createWriteStream(draft, { mode: 0o600, flags: 'wx' });
  const failed = new Promise<never>((_, reject) => {
    for (const stream of [gzip, out]) stream.once('error', reject);
  });
  gzip.pipe(out);
  const archive = new ArchiveWriter(gzip, options.clock.wallNow());
  const written = (async () => {
    await writeArchive(client, archive, options);
    gzip.end();
    await once(out, 'close');
    return archive.files;
  })();
  // Its error is that of the stream, which is told.
  written.catch(() => {});
  try {
    return await Promise.race([written, failed]);
  } finally {
    gzip.destroy();
    out.destroy();
  }
}

async function writeArchive(client: Client, archive: ArchiveWriter, { data, clock }: BackupOptions): Promise<void> {
  const one = async (text: string): Promise<Record<string, string>> =>
    (await client.query<Record<string, string>>(text)).rows[0] ?? {};
  const { major = '' } = await one(`SELECT split_part(current_setting('server_version'), '.', 1) AS major`);
  const manifest: BackupManifest = {
    format: BACKUP_FORMAT,
    postgresMajor: major,
    createdAt: new Date(clock.wallNow()).toISOString(),
  };
  await archive.text(MANIFEST, JSON.stringify(manifest));
  // It keeps the log from the start on, and goes with this session.
  await one(`SELECT pg_create_physical_replication_slot('rampart_backup_' || pg_backend_pid(), true, true)`);
  const { first = '' } = await one(`SELECT pg_walfile_name(pg_backup_start('rampart backup', true)) AS first`);
  await addFolder(archive, data, '');
  const {
    label = '',
    spaces = '',
    lsn = '',
  } = await one(`SELECT lsn::text AS lsn, labelfile AS label, spcmapfile AS spaces FROM pg_backup_stop(false)`);
  if (spaces.trim() !== '') throw new UsageError('Cannot back up a PostgreSQL that has tablespaces of its own');
  const { last = '' } = await one(`SELECT pg_walfile_name('${lsn}'::pg_lsn) AS last`);
  await addLog(archive, data, first, last);
  await archive.text(`${DATA_PREFIX}backup_label`, label);
  await archive.text(COMPLETE, JSON.stringify({ files: archive.files, stopLsn: lsn }));
  await archive.end();
}

async function addFolder(archive: ArchiveWriter, data: string, path: string): Promise<void> {
  for (const entry of await entriesOf(join(data, path))) {
    const inside = path === '' ? entry.name : `${path}/${entry.name}`;
    if (leftOut.test(entry.name)) continue;
    if (entry.isDirectory()) {
      await archive.directory(`${DATA_PREFIX}${inside}/`);
      if (!emptied.has(inside)) await addFolder(archive, data, inside);
    } else if (entry.isFile()) await archive.file(`${DATA_PREFIX}${inside}`, join(data, inside));
  }
}

/** The segments of the log that recovery needs, by name: of one timeline they are in order. */
async function addLog(archive: ArchiveWriter, data: string, first: string, last: string): Promise<void> {
  await archive.directory(`${DATA_PREFIX}pg_wal/archive_status/`);
  for (const { name } of await entriesOf(join(data, 'pg_wal'))) {
    const isNeeded = walName.test(name) && (name.endsWith('.history') || (name >= first && name <= last));
    if (isNeeded) await archive.file(`${DATA_PREFIX}pg_wal/${name}`, join(data, 'pg_wal', name));
  }
}

const entriesOf = async (folder: string): Promise<Dirent[]> =>
  (await readdir(folder, { withFileTypes: true })).toSorted((left, right) => (left.name < right.name ? -1 : 1));
