import { resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { restoreBackup } from '../store/backup/restore.ts';
import { refuseOwnDatabase } from './backup.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { dataDirOf } from './own-store.ts';

const help = `usage: rampart restore FILE [--replace] [--json]

Puts the embedded PostgreSQL of RAMPART_DATA_DIR back as it was at a rampart backup. Rampart must not run. The archive is
checked before anything is changed, and a database that does not come up is taken away again.

  --replace   move a database that is there aside
  --json      the report as JSON
`;

/** `rampart restore`. */
export async function restore(args: string[], io: CommandIo): Promise<number> {
  const declared = {
    command: 'restore',
    help,
    options: { replace: 'flag', json: 'flag' },
    operands: { least: 1, most: 1, what: 'the file of the backup' },
  } as const;
  const options = readOptions(declared, args, io);
  if (options === undefined) return exitCodes.ok;
  refuseOwnDatabase(io, 'restore into', 'pg_restore');
  const file = resolve(io.folder, options.operands[0] ?? '');
  const replaces = options.flag('replace');
  const report = await restoreBackup({ file, dataDir: dataDirOf(io), replaces, clock: systemClock });
  const { createdAt, records, keys, movedTo } = report;
  const before = movedTo === undefined ? '' : `The database before is in ${movedTo}.\n`;
  const text = `Restored as of ${createdAt}: ${records} records, ${keys} keys.\n${before}`;
  io.stdout.write(options.flag('json') ? `${JSON.stringify(report)}\n` : text);
  return exitCodes.ok;
}
