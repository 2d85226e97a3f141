import { z } from 'zod';
import { encodings } from '../policy/compression/accept-encoding.ts';
import type { CompressionRules } from '../policy/compression/compressible.ts';

const DEFAULT_MIN_BYTES = 1024;

/** Text that browsers and programs exchange. Event streams are left out, because each would hold its memory for long. */
const defaultTypes = [
  'text/html',
  'text/css',
  'text/plain',
  'text/csv',
  'text/javascript',
  'text/markdown',
  'text/xml',
  'application/javascript',
  'application/json',
  'application/x-ndjson',
  'application/xml',
  'application/*+json',
  'application/*+xml',
  'image/svg+xml',
];

/** `compress` of a route. */
export const compressSchema = z.union([
  z.boolean(),
  z.strictObject({
    /** Media types that are compressed; one `*` stands for any text. Usual text formats by default. */
    types: z
      .array(
        z
          .string()
          .regex(/^[\w.+-]*\*?[\w.+-]*\/[\w.+-]*\*?[\w.+-]*$/, 'must be a media type such as text/css or text/*'),
      )
      .min(1)
      .max(100)
      .optional(),
    /** A reply that is known to be smaller is sent as it is. 1024 by default. */
    minBytes: z.int().min(0).optional(),
    /** The content codings that are offered, the preferred one first. br and gzip by default. */
    encodings: z.array(z.enum(encodings)).min(1).optional(),
  }),
]);

/** The rules of a route; undefined: its replies are sent as they are. */
export function compressionOf(compress: z.output<typeof compressSchema> | undefined): CompressionRules | undefined {
  if (compress === undefined || compress === false) return undefined;
  const {
    types = defaultTypes,
    minBytes = DEFAULT_MIN_BYTES,
    encodings: offered = ['br', 'gzip'] as const,
  } = compress === true ? {} : compress;
  return { types: types.map((type) => type.toLowerCase()), minBytes, encodings: offered };
}
