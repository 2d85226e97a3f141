import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { backUp } from '../store/backup/backup.ts';
import { findPlacement } from '../store/embedded/placement.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { dataDirOf, withOwnDatabase } from './own-store.ts';

const help = `usage: rampart backup FILE [--force] [--json]

Writes the embedded PostgreSQL of RAMPART_DATA_DIR into one archive (a compressed tar), while Rampart runs or not: keys,
records, batches. Records that are still on their way from a worker's disk to PostgreSQL are not in it.

  --force   write over a FILE that is there
  --json    the report as JSON
`;

/** `rampart backup`. */
export async function backup(args: string[], io: CommandIo): Promise<number> {
  const declared = {
    command: 'backup',
    help,
    options: { force: 'flag', json: 'flag' },
    operands: { least: 1, most: 1, what: 'the file of the backup' },
  } as const;
  const options = readOptions(declared, args, io);
  if (options === undefined) return exitCodes.ok;
  refuseOwnDatabase(io, 'back up', 'pg_dump');
  const file = resolve(io.folder, options.operands[0] ?? '');
  const there = statSync(file, { throwIfNoEntry: false });
  const replaces = options.flag('force');
  if (there !== undefined && !there.isFile()) throw new UsageError(`Cannot write ${file}, as it is no ordinary file`);
  if (there !== undefined && !replaces)
    throw new UsageError(`Cannot write ${file}, as it is there already: --force writes over it`);
  const place = await findPlacement(dataDirOf(io));
  if (place === undefined) throw new UsageError(`Cannot back up ${dataDirOf(io)}, as it has no database`);
  const report = await withOwnDatabase(io, (url) =>
    backUp({ url, data: place.data, file, replaces, clock: systemClock }),
  );
  const { files, bytes, seconds } = report;
  const text = `${file}: ${(bytes / 1e6).toFixed(1)} MB, ${files} files, ${seconds.toFixed(1)} s\n`;
  io.stdout.write(options.flag('json') ? `${JSON.stringify({ file, ...report })}\n` : text);
  return exitCodes.ok;
}

/** A database of DATABASE_URL has its own tools, and this process cannot see its files. */
export function refuseOwnDatabase(io: CommandIo, what: string, tool: string): void {
  if ((io.env['DATABASE_URL'] ?? '') !== '')
    throw new UsageError(
      `Cannot ${what} the database of DATABASE_URL, whose files are not here: use ${tool}, or what its host offers`,
    );
}
