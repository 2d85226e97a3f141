import type { Client } from 'pg';
import { codeOf } from '../../core/errors.ts';
import { uuidFloor, uuidv7Time } from '../../core/ids.ts';
import { transaction } from '../transaction.ts';
import { dayOf, startOfDay } from '../../policy/ledger/retention.ts';

// The table of the version before, with all its records, becomes the first partition of a new table. No record is
// copied, and every step that looks at all records lets writers go on. An interrupted run is taken up where it ended:
// each step finds out for itself whether it is done.

/** A lock that keeps writers out is waited for so long, and then asked for again, so that they never wait longer. */
const LOCK_WAIT = '300ms';
const LOCK_TRIES = 200;
const LOCK_PAUSE_MS = 250;
/** lock_not_available */
const LOCKED = '55P03';
/** Records that are made while the table is looked at belong to the old table for so many days. */
const DAYS_OF_WORK = 2;
/** The old table cannot be kept open for records that a wrong clock has put far into the future. */
const MAX_DAYS_AHEAD = 30;

const OLD = 'barcodes_before';

interface WantedIndex {
  readonly name: string;
  readonly columns: string;
}

const wantedIndexes: readonly WantedIndex[] = [
  { name: 'barcodes_key_id_id_idx', columns: '(key_id, id DESC)' },
  { name: 'barcodes_key_id_symbology_id_idx', columns: '(key_id, symbology, id DESC)' },
  { name: 'barcodes_key_id_id_aborted_idx', columns: "(key_id, id DESC) WHERE status = 'aborted'" },
];

export type PartitionStep = 'indexes' | 'check' | 'validate' | 'swap';

export interface PartitioningOptions {
  readonly wallMs: number;
  readonly pause: (ms: number) => Promise<void>;
  /** Called before each step. */
  readonly onStep: (step: PartitionStep) => void | Promise<void>;
}

/** Why the table stays as it is; undefined: it is partitioned now. */
export type PartitioningObstacle = string | undefined;

/** Partitions `barcodes` while it is used. */
export async function partitionTable(client: Client, options: PartitioningOptions): Promise<PartitioningObstacle> {
  await options.onStep('indexes');
  for (const index of wantedIndexes) await ensureIndex(client, index);
  await options.onStep('check');
  const found = await cutoffOf(client, options.wallMs);
  if ('obstacle' in found) return found.obstacle;
  const { cutoff } = found;
  if (!found.isChecked)
    await briefly(client, options, () => [
      `ALTER TABLE barcodes DROP CONSTRAINT IF EXISTS ${OLD}`,
      `ALTER TABLE barcodes ADD CONSTRAINT ${OLD} CHECK (id < '${cutoff}') NOT VALID`,
    ]);
  await options.onStep('validate');
  await client.query(`ALTER TABLE barcodes VALIDATE CONSTRAINT ${OLD}`);
  await options.onStep('swap');
  await briefly(client, options, () => swapStatements(cutoff));
  return undefined;
}

/** An index that an interrupted run has left half-built is built anew. */
async function ensureIndex(client: Client, { name, columns }: WantedIndex): Promise<void> {
  const { rows } = await client.query<{ valid: boolean }>(
    'SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)',
    [name],
  );
  if (rows[0]?.valid === true) return;
  if (rows[0] !== undefined) await client.query(`DROP INDEX CONCURRENTLY ${name}`);
  await client.query(`CREATE INDEX CONCURRENTLY ${name} ON barcodes ${columns}`);
}

type Cutoff = { readonly cutoff: string; readonly isChecked: boolean } | { readonly obstacle: string };

/** The first id that does not belong to the old table. A constraint of an earlier run holds, if it is far enough ahead. */
async function cutoffOf(client: Client, wallMs: number): Promise<Cutoff> {
  const newest = (await client.query<{ id: string }>('SELECT id FROM barcodes ORDER BY id DESC LIMIT 1')).rows[0]?.id;
  const newestDay = dayOf(newest === undefined ? wallMs : (uuidv7Time(newest) ?? Number.POSITIVE_INFINITY));
  const today = dayOf(wallMs);
  if (newestDay > today + MAX_DAYS_AHEAD)
    return {
      obstacle: `a record has the id ${newest}, whose time is more than ${MAX_DAYS_AHEAD} days ahead: a clock was wrong. Give it another id, or move it to another table`,
    };
  const { rows } = await client.query<{ definition: string }>(
    `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = 'barcodes'::regclass AND conname = '${OLD}'`,
  );
  const [, present] = /'([0-9a-f-]{36})'/.exec(rows[0]?.definition ?? '') ?? [];
  // The day after tomorrow at the soonest, so that no record of now is refused by it.
  if (present !== undefined && present >= uuidFloor(startOfDay(Math.max(today + 1, newestDay + 1))))
    return { cutoff: present, isChecked: true };
  return { cutoff: uuidFloor(startOfDay(Math.max(today + DAYS_OF_WORK, newestDay + 1))), isChecked: false };
}

const NEW_TABLE = '(LIKE barcodes INCLUDING DEFAULTS INCLUDING STORAGE) PARTITION BY RANGE (id)';
const newIndexes = [
  'ALTER TABLE barcodes ADD CONSTRAINT barcodes_pkey PRIMARY KEY (id)',
  ...wantedIndexes.map(({ name, columns }) => `CREATE INDEX ${name} ON barcodes ${columns}`),
];

/** The old table becomes the first partition. */
function swapStatements(cutoff: string): string[] {
  const renamed = ['barcodes_pkey', ...wantedIndexes.map(({ name }) => name)];
  return [
    'ALTER TABLE barcodes DROP CONSTRAINT IF EXISTS barcodes_key_id_fkey',
    `CREATE TABLE barcodes_new ${NEW_TABLE}`,
    `ALTER TABLE barcodes RENAME TO ${OLD}`,
    ...renamed.map((name) => `ALTER INDEX ${name} RENAME TO ${name.replace('barcodes', OLD)}`),
    'ALTER TABLE barcodes_new RENAME TO barcodes',
    ...newIndexes,
    // The constraint, which has been validated, saves the look at every record.
    `ALTER TABLE barcodes ATTACH PARTITION ${OLD} FOR VALUES FROM (MINVALUE) TO ('${cutoff}')`,
    `ALTER TABLE ${OLD} DROP CONSTRAINT ${OLD}`,
  ];
}

/** Partitions `barcodes` if it has no records: at once, and without an index that is built beside other transactions. */
export async function partitionEmptyTable(client: Client, pause: PartitioningOptions['pause']): Promise<void> {
  const { rows } = await client.query<{ isEmpty: boolean }>(IS_UNPARTITIONED_AND_EMPTY);
  if (rows[0]?.isEmpty !== true) return;
  const fresh = [
    `CREATE TABLE barcodes_new ${NEW_TABLE}`,
    'DROP TABLE barcodes',
    'ALTER TABLE barcodes_new RENAME TO barcodes',
  ];
  await briefly(client, { pause }, (isEmpty) => (isEmpty ? [...fresh, ...newIndexes] : []));
}

const IS_UNPARTITIONED_AND_EMPTY = `SELECT NOT EXISTS (SELECT FROM barcodes) AS "isEmpty"
FROM pg_class WHERE oid = to_regclass('barcodes') AND relkind = 'r'`;

/** Statements of a moment that keep writers out, in one transaction. */
async function briefly(
  client: Client,
  { pause }: Pick<PartitioningOptions, 'pause'>,
  statements: (isEmpty: boolean) => readonly string[],
): Promise<void> {
  for (let tries = 1; ; tries++) {
    const end = await transaction(client, async () => {
      await client.query(`SET LOCAL lock_timeout = '${LOCK_WAIT}'`);
      await client.query('LOCK TABLE barcodes IN ACCESS EXCLUSIVE MODE');
      const { rows } = await client.query<{ empty: boolean }>('SELECT NOT EXISTS (SELECT FROM barcodes) AS empty');
      for (const statement of statements(rows[0]?.empty === true)) await client.query(statement);
    });
    if (end.isCommitted) return;
    if (codeOf(end.error) !== LOCKED || tries >= LOCK_TRIES) throw end.error;
    await pause(LOCK_PAUSE_MS);
  }
}
