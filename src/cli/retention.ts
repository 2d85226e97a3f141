import { loadConfig } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { migrate } from '../store/migrations.ts';
import { type RetentionReport, runRetention } from '../store/partitions/retention-run.ts';
import { directUrlOf } from './database.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { withOwnDatabase } from './own-store.ts';

const help = `usage: rampart retention [--dry-run] [--json]

Brings the partitions of the records up to date, as control does once a day: makes those of the next days, drops the days
that are older than LEDGER_RETENTION_DAYS, and removes idempotency keys that are older than their window. Requests go on.

  --dry-run   say what would be done, and do nothing
  --json      the same as JSON
`;

/** `rampart retention`. */
export async function retention(args: string[], io: CommandIo): Promise<number> {
  const declared = { command: 'retention', help, options: { 'dry-run': 'flag', json: 'flag' } } as const;
  const options = readOptions(declared, args, io);
  if (options === undefined) return exitCodes.ok;
  const config = await loadConfig(io.env, io.folder, 'run retention');
  const { LEDGER_RETENTION_DAYS: retentionDays, IDEMPOTENCY_WINDOW_HOURS: hours } = config.env;
  const report = await withOwnDatabase(io, async (pooled) => {
    const url = directUrlOf(config, pooled);
    await migrate(url);
    return runRetention({
      url,
      clock: systemClock,
      retentionDays,
      idempotencyWindowMs: hours * 3_600_000,
      isDryRun: options.flag('dry-run'),
    });
  });
  io.stdout.write(options.flag('json') ? `${JSON.stringify(report, undefined, 2)}\n` : textOf(report, retentionDays));
  return report.isElsewhere || report.obstacle !== undefined ? exitCodes.failed : exitCodes.ok;
}

/** For people. */
function textOf(report: RetentionReport, retentionDays: number): string {
  if (report.isElsewhere)
    return 'Nothing was done, as another process is at it: control, or another rampart retention.\n';
  const will = report.isDryRun ? 'would be ' : '';
  const days = retentionDays === 1 ? 'day' : 'days';
  const lines = [
    retentionDays === 0
      ? 'Records are kept for ever (LEDGER_RETENTION_DAYS=0).'
      : `Records are kept for ${retentionDays} ${days} (LEDGER_RETENTION_DAYS).`,
  ];
  if (report.obstacle !== undefined) lines.push(`The table of records cannot be partitioned: ${report.obstacle}.`);
  if (report.wasPartitioned) lines.push(`The table of the version before ${will || 'was '}partitioned.`);
  for (const name of report.added) lines.push(`${will}added    ${name}`);
  for (const { name, records, bytes } of report.dropped)
    lines.push(`${will}dropped  ${name}  about ${records.toLocaleString('en')} records, ${megabytes(bytes)}`);
  if (report.deletedRecords > 0) lines.push(`${will}deleted  ${report.deletedRecords} records of barcodes_before`);
  if (report.deletedIdempotencyKeys > 0)
    lines.push(`${will}deleted  ${report.deletedIdempotencyKeys} idempotency keys`);
  lines.push(`${report.kept} partitions ${report.isDryRun ? 'would stay' : 'are there'}.`);
  return `${lines.join('\n')}\n`;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
