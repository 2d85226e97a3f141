import { z } from 'zod';

/** First in the archive: what it is. */
export const MANIFEST = 'rampart-backup.json';
/** Last in the archive: an archive without it was cut off. */
export const COMPLETE = 'rampart-backup-complete.json';
/** In front of the paths of PostgreSQL's data. */
export const DATA_PREFIX = 'data/';

export const BACKUP_FORMAT = 1;

export const manifestSchema = z.object({
  format: z.literal(BACKUP_FORMAT),
  postgresMajor: z.string(),
  createdAt: z.string(),
});
export type BackupManifest = z.output<typeof manifestSchema>;

export const completeSchema = z.object({ files: z.int(), stopLsn: z.string() });
