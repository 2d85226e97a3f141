import type { Pool } from 'pg';
import type { Clock } from '../core/clock.ts';
import { uuidFloor } from '../core/ids.ts';
import { type IdWindow, windowsOf, within } from '../policy/ledger/windows.ts';
import { queryUntil } from './cancel-query.ts';
import { firstIdsOf } from './partitions/catalog.ts';
import { type ExportPageTerms, exportStatement, listStatement, type RecordFilter } from './record-statements.ts';

export interface ExportRequest extends RecordFilter, Omit<ExportPageTerms, 'range'> {
  /** The last id of the page before; absent for the first page. */
  readonly after?: string | undefined;
}

/** A part of an export: whole lines of JSON. */
export interface ExportPage {
  readonly lines: string;
  /** Records; with none the export is complete. */
  readonly count: number;
  /** The last id; undefined in an empty page. */
  readonly last: string | undefined;
}

/** A row of a list. */
export interface StoredSummary {
  readonly id: string;
  readonly key_id: string;
  readonly symbology: string;
  readonly format: string;
  readonly text: string;
  readonly text_escaped: boolean;
  readonly status: string;
  readonly request_id: string;
  readonly created_at: Date;
}

interface ExportRow {
  readonly lines: string | null;
  readonly count: number;
  readonly last: string | null;
}

/** Most partitions of one statement: a list without a time range then plans for a month. */
const PARTITIONS_EACH = 32;
/** Windows that are out of date hold every record, too: only their sizes differ. */
const WINDOWS_AGE_MS = 60_000;

/** Reads records of many partitions, a window of them at a time. */
export class RecordReads {
  readonly #pool: Pool;
  readonly #clock: Clock;
  #windows: readonly IdWindow[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  /** So many of the newest records before an id. */
  async list(filter: RecordFilter, before: string | undefined, limit: number): Promise<StoredSummary[]> {
    const found: StoredSummary[] = [];
    const range = within({ before }, rangeOf(filter));
    for (const window of (await this.#within(range)).toReversed()) {
      const { text, values } = listStatement(filter, window, limit - found.length);
      found.push(...(await this.#pool.query<StoredSummary>(text, [...values])).rows);
      if (found.length >= limit) break;
    }
    return found;
  }

  /** The next page of an export. */
  async exportPage({ after, ...request }: ExportRequest, signal: AbortSignal): Promise<ExportPage> {
    for (const window of await this.#within(within({ from: after }, rangeOf(request)))) {
      const statement = exportStatement(request, { ...request, range: { ...window, after } });
      const { rows } = await queryUntil<ExportRow>(this.#pool, statement, signal);
      const { lines, count, last } = rows[0] as ExportRow;
      if (count > 0) return { lines: lines ?? '', count, last: last ?? undefined };
    }
    return { lines: '', count: 0, last: undefined };
  }

  /** The windows that hold ids of a range. */
  async #within(range: IdWindow | undefined): Promise<IdWindow[]> {
    if (range === undefined) return [];
    if (this.#clock.now() - this.#readAt > WINDOWS_AGE_MS) {
      this.#windows = windowsOf(await firstIdsOf(this.#pool), PARTITIONS_EACH);
      this.#readAt = this.#clock.now();
    }
    return this.#windows.flatMap((window) => within(window, range) ?? []);
  }
}

const rangeOf = ({ fromMs, toMs }: RecordFilter): IdWindow => ({
  from: fromMs === undefined ? undefined : uuidFloor(fromMs),
  before: toMs === undefined ? undefined : uuidFloor(toMs),
});
