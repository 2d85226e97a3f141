import type { Pool } from 'pg';
import type { FleetNews } from '../policy/fleet/news-progress.ts';

/** News for all hosts of a fleet, kept for the time in which the stream in Valkey may lose it. */
export interface FleetNewsStore {
  add(news: FleetNews): Promise<void>;
  /** The stream has it now. */
  issued(id: string): Promise<void>;
  /** The news that the stream never had or may have lost, oldest first; also drops news that is older than a day. */
  recent(): Promise<FleetNews[]>;
}

const ADD = `INSERT INTO fleet_news (id, kind, host, body, created_at) VALUES ($1, $2, $3, $4, now())
ON CONFLICT (id) DO NOTHING`;
const ISSUED = 'UPDATE fleet_news SET issued_at = now() WHERE id = $1 AND issued_at IS NULL';
const REMOVE_OLD = "DELETE FROM fleet_news WHERE created_at < now() - interval '1 day'";
/** As many as the stream keeps, and the newest of them. */
const RECENT = `SELECT id, kind, host, body FROM (
  SELECT * FROM fleet_news WHERE issued_at IS NULL OR created_at > now() - interval '15 minutes'
  ORDER BY created_at DESC, id DESC LIMIT 10000
) AS newest ORDER BY created_at, id`;

export function fleetNewsStore(pool: Pool): FleetNewsStore {
  return {
    async add({ id, kind, host, body }) {
      await pool.query(ADD, [id, kind, host, JSON.stringify(body)]);
    },
    async issued(id) {
      await pool.query(ISSUED, [id]);
    },
    async recent() {
      await pool.query(REMOVE_OLD);
      return (await pool.query<FleetNews>(RECENT)).rows;
    },
  };
}
