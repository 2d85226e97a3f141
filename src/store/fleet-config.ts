import type { Pool } from 'pg';
import { codeOf } from '../core/errors.ts';
import { StoreError } from './errors.ts';

/** A version of the configuration of all hosts: its number in the fleet, and SHA-256 of its canonical JSON. */
export interface FleetVersion {
  readonly number: number;
  readonly hash: string;
}

/** A version that hosts are asked about. */
export interface ProposedVersion extends FleetVersion {
  readonly host: string;
  readonly who: string;
}

export interface FleetVersions {
  readonly active: FleetVersion | undefined;
  readonly proposed: ProposedVersion | undefined;
}

/** A row of a version, without its number. */
export interface VersionContent extends Omit<ProposedVersion, 'number'> {
  readonly file: unknown;
  readonly force: boolean;
  /** Whether hosts on which it needs a restart take it when they start. */
  readonly atRestart: boolean;
}

/** What a host has said of the versions of its fleet. */
export interface HostReport {
  readonly host: string;
  /** The version that it was last asked about; null before. */
  readonly answered: number | null;
  /** Why it cannot use that one; none: it has accepted it. */
  readonly problems: readonly string[];
  /** The version of the fleet that it has taken last. */
  readonly version: number | null;
  /** Whether another configuration than that is in force on it. */
  readonly departs: boolean;
  /** Why it could not take the version in force. */
  readonly problem: string | null;
  /** The version for which a restart of this host is all that is missing. */
  readonly waitsFor: number | null;
}

/** The versions of the configuration of a fleet. One row decides which is in force, so no two hosts can disagree. */
export interface FleetConfigStore {
  /** Also gives up a proposal whose host has not decided in time. */
  versions(): Promise<FleetVersions>;
  content(number: number): Promise<VersionContent | undefined>;
  /** The number of the proposal; undefined while there is another one. */
  propose(content: VersionContent): Promise<number | undefined>;
  /** Puts the proposal in force; false if it was given up. */
  activate(number: number): Promise<boolean>;
  /** Gives up the proposal. */
  drop(number: number): Promise<void>;
  answer(host: string, number: number, problems: readonly string[]): Promise<void>;
  report(host: string, state: Pick<HostReport, 'version' | 'departs' | 'problem' | 'waitsFor'>): Promise<void>;
  /** In the order of their names. */
  hosts(): Promise<HostReport[]>;
}

/** Longer than a host waits for the others (policy/fleet/config-decision.ts). */
const GIVE_UP_AFTER = "interval '45 seconds'";
/** The clock of PostgreSQL may be set back, and that of its successor may be behind: a proposal of the future would never be given up. */
const IS_RECENT = `created_at BETWEEN now() - ${GIVE_UP_AFTER} AND now() + ${GIVE_UP_AFTER}`;
const EXPIRE = `UPDATE fleet_configs SET preparing = NULL WHERE preparing = 1 AND NOT ${IS_RECENT}`;
const ACTIVE = `SELECT number, hash FROM fleet_configs WHERE activated_at IS NOT NULL ORDER BY number DESC LIMIT 1`;
const PROPOSED = `SELECT number, hash, host, who FROM fleet_configs WHERE preparing = 1`;
const CONTENT = 'SELECT hash, host, who, file, force, at_restart AS "atRestart" FROM fleet_configs WHERE number = $1';
/** The last number of the column. A row that has it was written by hand, and no version could follow it, so the row gets the next free number. */
const LAST_NUMBER = 2_147_483_647;
const RENUMBER = `UPDATE fleet_configs
SET number = (SELECT coalesce(max(number), 0) + 1 FROM fleet_configs WHERE number < ${LAST_NUMBER})
WHERE number = ${LAST_NUMBER} AND preparing IS NULL`;
/** Another proposal has the same number, or the 1 of `preparing`. */
const PROPOSE = `INSERT INTO fleet_configs (number, hash, host, who, file, force, at_restart, preparing, created_at)
SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5, $6, 1, now() FROM fleet_configs
HAVING NOT coalesce(bool_or(preparing = 1), false)
ON CONFLICT DO NOTHING RETURNING number`;
const ACTIVATE = `UPDATE fleet_configs SET preparing = NULL, activated_at = now()
WHERE number = $1 AND preparing = 1 AND ${IS_RECENT}`;
const DROP = 'UPDATE fleet_configs SET preparing = NULL WHERE number = $1 AND preparing = 1';
const FORGET = `DELETE FROM fleet_configs WHERE number < (SELECT max(number) FROM fleet_configs WHERE activated_at IS NOT NULL)
AND number <= (SELECT max(number) FROM fleet_configs) - 50`;
const ANSWER = `INSERT INTO fleet_config_hosts (host, answered, problems, reported_at) VALUES ($1, $2, $3, now())
ON CONFLICT (host) DO UPDATE SET answered = excluded.answered, problems = excluded.problems, reported_at = now()`;
const REPORT = `INSERT INTO fleet_config_hosts (host, version, departs, problem, waits_for, reported_at) VALUES ($1, $2, $3, $4, $5, now())
ON CONFLICT (host) DO UPDATE SET version = excluded.version, departs = excluded.departs, problem = excluded.problem, waits_for = excluded.waits_for, reported_at = now()`;
const HOSTS =
  'SELECT host, answered, problems, version, departs, problem, waits_for AS "waitsFor" FROM fleet_config_hosts ORDER BY host';

export function fleetConfigStore(pool: Pool): FleetConfigStore {
  return {
    async versions() {
      await pool.query(EXPIRE);
      const { rows: proposed } = await pool.query<ProposedVersion>(PROPOSED);
      // Read last: a proposal that is put in force between the two is found here.
      const { rows: active } = await pool.query<FleetVersion>(ACTIVE);
      return { active: active[0], proposed: proposed[0] };
    },
    async content(number) {
      return (await pool.query<VersionContent>(CONTENT, [number])).rows[0];
    },
    async propose({ hash, host, who, file, force, atRestart }) {
      await pool.query(EXPIRE);
      const values = [hash, host.slice(0, 256), who.slice(0, 256), JSON.stringify(file), force, atRestart];
      await pool.query(RENUMBER);
      try {
        return (await pool.query<FleetVersion>(PROPOSE, values)).rows[0]?.number;
      } catch (error) {
        throw codeOf(error) === OUT_OF_RANGE ? usedUp(error) : error;
      }
    },
    async activate(number) {
      const { rowCount } = await pool.query(ACTIVATE, [number]);
      if (rowCount === 1) await pool.query(FORGET);
      return rowCount === 1;
    },
    async drop(number) {
      await pool.query(DROP, [number]);
    },
    async answer(host, number, problems) {
      await pool.query(ANSWER, [host, number, JSON.stringify(problems)]);
    },
    async report(host, { version, departs, problem, waitsFor }) {
      await pool.query(REPORT, [host, version, departs, problem, waitsFor]);
    },
    async hosts() {
      const { rows } = await pool.query<Omit<HostReport, 'problems'> & { problems: unknown }>(HOSTS);
      return rows.map((row) => ({ ...row, problems: textsOf(row.problems) }));
    },
  };
}

/** SQLSTATE numeric_value_out_of_range. */
const OUT_OF_RANGE = '22003';

const usedUp = (error: unknown): StoreError =>
  new StoreError(
    'rejected',
    `the numbers of versions are used up, ${LAST_NUMBER} is the last: in the table fleet_configs, delete the rows with the highest numbers, all but the version in force, and give that one a lower number`,
    OUT_OF_RANGE,
    error,
  );

/** A host of another release may say anything. What is not understood is no acceptance. */
function textsOf(problems: unknown): string[] {
  const list = Array.isArray(problems) ? problems : [problems];
  return list.map((one) =>
    typeof one === 'string' ? one : `an answer that this release does not understand: ${JSON.stringify(one)}`,
  );
}
