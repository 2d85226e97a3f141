import { z } from 'zod';
import { fieldProblems } from '../../barcode/field-problems.ts';
import { symbologyNamed } from '../../barcode/names.ts';
import { symbologyNames } from '../../barcode/symbologies.ts';
import type { FieldProblem } from '../../barcode/validate.ts';
import type { BarcodeStatus } from '../../store/records.ts';
import { Refusal } from '../refusal.ts';

const DEFAULT_PAGE_SIZE = 20;
const MAX_PAGE_SIZE = 100;
const statuses = ['delivered', 'aborted'] as const satisfies readonly BarcodeStatus[];

const time = z.union([z.iso.date(), z.iso.datetime({ offset: true })], {
  error: 'must be a day, such as 2026-11-27, or a time, such as 2026-11-27T10:00:00Z (+ in a query is written %2B)',
});
const filters = {
  from: time.optional().describe('Created from this time on; a day begins at midnight UTC'),
  to: time.optional().describe('Created before this time'),
  symbology: z.enum(symbologyNames).optional(),
  status: z.enum(statuses).optional().describe('Whether the client has got all of the image'),
};

/** The query of listBarcodes. */
export const listQuerySchema = z.strictObject({
  page_size: z.int().min(1).max(MAX_PAGE_SIZE).default(DEFAULT_PAGE_SIZE),
  cursor: z.string().optional().describe('The next_cursor of the page before'),
  ...filters,
});

/** The query of exportBarcodes. */
export const exportQuerySchema = z.strictObject({
  ...filters,
  images: z.boolean().default(false).describe('Whether each line carries its image, as image_base64'),
});

/** A filter of the query, as the store takes it. */
export interface QueriedFilter {
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly symbology: string | undefined;
  readonly status: BarcodeStatus | undefined;
}

/** Reads the query of a list or an export; a refusal names every field that is wrong. */
export function readRecordQuery<Schema extends typeof listQuerySchema | typeof exportQuerySchema>(
  schema: Schema,
  query: string,
): { readonly values: z.output<Schema>; readonly filter: QueriedFilter } | Refusal {
  const input: Record<string, unknown> = {};
  const problems: FieldProblem[] = [];
  for (const [name, value] of new URLSearchParams(query)) {
    if (Object.hasOwn(input, name))
      problems.push({ field: name.slice(0, 40), rule: 'repeated', detail: `${name.slice(0, 40)} may be given once` });
    else Object.defineProperty(input, name, { value: typed(name, value), enumerable: true });
  }
  const parsed = schema.safeParse(input);
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap((issue) => fieldProblems(issue, input)));
  else {
    const filter = filterOf(parsed.data);
    if (filter.fromMs !== undefined && filter.toMs !== undefined && filter.toMs <= filter.fromMs)
      problems.push({ field: 'to', rule: 'order', detail: 'to must be later than from' });
    // The type of the output depends on the schema that was passed.
    if (problems.length === 0) return { values: parsed.data as z.output<Schema>, filter };
  }
  return new Refusal('invalid-request', problems.map(({ detail }) => detail.slice(0, 200)).join('; '), {
    errors: problems.map((problem) => ({ ...problem, field: problem.field.slice(0, 40) })),
  });
}

/** Numbers and booleans are written as JSON writes them; a symbology has the names that createBarcode takes. */
function typed(name: string, value: string): unknown {
  if (name === 'symbology') return symbologyNamed(value);
  if (name === 'page_size' && /^\d{1,9}$/.test(value)) return Number(value);
  if (name === 'images' && (value === 'true' || value === 'false')) return value === 'true';
  return value;
}

function filterOf({
  from,
  to,
  symbology,
  status,
}: z.output<typeof listQuerySchema> | z.output<typeof exportQuerySchema>): QueriedFilter {
  const ms = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));
  return { fromMs: ms(from), toMs: ms(to), symbology, status };
}
