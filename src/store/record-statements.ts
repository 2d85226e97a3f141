import type { IdWindow } from '../policy/ledger/windows.ts';
import type { BarcodeStatus } from './records.ts';

/** Which records of a key; all where nothing else is given. */
export interface RecordFilter {
  readonly keyId: string;
  /** The records that were created from this time on, in milliseconds since the epoch. */
  readonly fromMs?: number | undefined;
  /** The records that were created before this time. */
  readonly toMs?: number | undefined;
  readonly symbology?: string | undefined;
  readonly status?: BarcodeStatus | undefined;
}

/** A statement as pg takes it. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A part of a key's records, by id. */
interface IdRange extends IdWindow {
  /** Ids after this one. */
  readonly after?: string | undefined;
}

/** All of a record but its image, which a list must not fetch. */
export const SUMMARY_COLUMNS = 'id, key_id, symbology, format, text, text_escaped, status, request_id, created_at';

// A record's time is in its id, so a time range is a range of the index that serves the order, too.
/** The records of a range without their images, newest first. */
export function listStatement(filter: RecordFilter, range: IdRange, limit: number): Statement {
  const values: unknown[] = [];
  const where = conditions(filter, range, values);
  values.push(limit);
  return {
    text: `SELECT ${SUMMARY_COLUMNS} FROM barcodes WHERE ${where} ORDER BY id DESC LIMIT $${values.length}`,
    values,
  };
}

/** How one page of an export is cut. */
export interface ExportPageTerms {
  readonly range: IdRange;
  readonly maxRows: number;
  /** The page ends before the record with which it would be larger; its first record is always there. */
  readonly maxBytes: number;
  readonly withImages: boolean;
  /** In front of the paths of images. */
  readonly prefix: string;
}

/**
 * A page of records as lines of JSON, oldest first: `lines`, their number, and the last id.
 *
 * PostgreSQL writes the JSON, because a row that is read, converted and written again costs the worker that also serves
 * interactive requests ten times as much. The bytes of a page are estimated from the lengths that PostgreSQL keeps with
 * each value, without a look at the values: escaped characters may make the lines up to six times as long.
 */
export function exportStatement(filter: RecordFilter, terms: ExportPageTerms): Statement {
  const values: unknown[] = [terms.prefix, terms.maxRows, terms.maxBytes];
  const where = conditions(filter, terms.range, values);
  const columns = `id, symbology, format, text, text_escaped, status, request_id, created_at${terms.withImages ? ', bytes' : ''}`;
  const image = terms.withImages ? `, translate(encode(bytes, 'base64'), E'\\n', '') AS image_base64` : '';
  const size = terms.withImages ? 'octet_length(text) + octet_length(bytes) * 4 / 3' : 'octet_length(text)';
  const text = `SELECT string_agg(row_to_json(line)::text || E'\\n', '') AS lines, count(*)::int AS count,
  (array_agg(line.id))[count(*)] AS last
FROM (
  SELECT id, symbology, format, CASE WHEN text_escaped THEN text::json ELSE to_json(text) END AS text, status,
    request_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    $1::text || '/v1/barcodes/' || id || '/image' AS image${image}
  FROM (
    SELECT *, row_number() OVER w AS place, sum(250 + ${size}) OVER w AS size
    FROM (SELECT ${columns} FROM barcodes WHERE ${where} ORDER BY id LIMIT $2) page WINDOW w AS (ORDER BY id)
  ) sized
  WHERE size <= $3 OR place = 1 ORDER BY id
) line`;
  return { text, values };
}

/** The conditions of a filter; their values go behind those that are there. The status is a constant, which a partial index needs. */
function conditions(filter: RecordFilter, range: IdRange, values: unknown[]): string {
  const { keyId, symbology, status } = filter;
  const parts: string[] = [];
  const add = (condition: string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    parts.push(`${condition} $${values.length}`);
  };
  add('key_id =', keyId);
  add('id >=', range.from);
  add('id >', range.after);
  add('id <', range.before);
  add('symbology =', symbology);
  if (status !== undefined) parts.push(`status = '${status === 'aborted' ? 'aborted' : 'delivered'}'`);
  return parts.join(' AND ');
}
