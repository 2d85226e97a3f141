import { z } from 'zod';
import { fieldProblems } from './field-problems.ts';
import { type EcLevel, type Symbology, ecLevelNames, specOf, symbologyNames } from './symbologies.ts';
import { type FieldProblem, checkText } from './validate.ts';

export const imageFormats = ['svg', 'png'] as const;
export type ImageFormat = (typeof imageFormats)[number];

const maxScale = 32;
const maxQuietZone = 40;

/** The body of createBarcode and of the generator's POST /generate. */
export const barcodeRequestSchema = z.strictObject({
  symbology: z.enum(symbologyNames).describe('What kind of barcode'),
  text: z.string().min(1).max(7089).describe('What a reader shall read'),
  format: z.enum(imageFormats).optional().describe('Kind of image; svg by default'),
  scale: z
    .int()
    .min(1)
    .max(maxScale)
    .optional()
    .describe('Pixels a module; by default 2 for bars, 3 for stacked bars, 4 for matrices, 8 for MaxiCode'),
  quietZone: z
    .int()
    .min(0)
    .max(maxQuietZone)
    .optional()
    .describe('Blank margin in modules; by default what the symbology asks for'),
  humanReadable: z
    .boolean()
    .optional()
    .describe('Whether the text is printed below the bars; by default where the symbology has such a line'),
  ecLevel: z.enum(ecLevelNames).optional().describe('Error correction of QR Code, Micro QR Code and rMQR'),
});

/** A checked request with every default filled in; `ecLevel` is there only where the symbology has levels. */
export interface BarcodeRequest {
  readonly symbology: Symbology;
  /** Complete: with its check digit where it was given without. */
  readonly text: string;
  readonly format: ImageFormat;
  readonly scale: number;
  readonly quietZone: number;
  readonly humanReadable: boolean;
  readonly ecLevel?: EcLevel;
}

export type ParsedBarcodeRequest =
  | { readonly ok: true; readonly request: BarcodeRequest }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** Checks a request body as far as that needs no encoder, and fills in the defaults. Does not throw. */
export function parseBarcodeRequest(input: unknown): ParsedBarcodeRequest {
  const parsed = barcodeRequestSchema.safeParse(input);
  if (parsed.success) return complete(parsed.data);
  return { ok: false, problems: parsed.error.issues.flatMap((issue) => fieldProblems(issue, input)) };
}

/**
 * Reads a request out of a path parameter and a query string (GET /v1/render/{symbology}?text=…).
 *
 * Numbers and booleans are written as JSON writes them; a parameter given twice is refused.
 */
export function fromQuery(symbology: string, query: URLSearchParams): ParsedBarcodeRequest {
  const input = new Map<string, unknown>([['symbology', symbology]]);
  for (const [name, value] of query) {
    if (input.has(name)) {
      return { ok: false, problems: [{ field: name, rule: 'repeated', detail: `${name} may be given once` }] };
    }
    input.set(name, queryValue(name, value));
  }
  return parseBarcodeRequest(Object.fromEntries(input));
}

/** The request as JSON with every default in it, keys always in the same order: equal requests give equal bodies. */
export function canonicalBody(request: BarcodeRequest): string {
  const { symbology, text, format, scale, quietZone, humanReadable, ecLevel } = request;
  return JSON.stringify({ symbology, text, format, scale, quietZone, humanReadable, ecLevel });
}

function complete(given: z.output<typeof barcodeRequestSchema>): ParsedBarcodeRequest {
  const spec = specOf(given.symbology);
  const problems: FieldProblem[] = [];
  const text = checkText(given.symbology, given.text);
  if (!text.ok) problems.push(text.problem);
  if (given.humanReadable === true && spec.family !== 'linear') {
    problems.push({ field: 'humanReadable', rule: 'unsupported', detail: `${spec.title} has no line of text` });
  }
  if (given.ecLevel !== undefined && !spec.ecLevels.includes(given.ecLevel)) {
    const levels = spec.ecLevels.length === 0 ? 'no error-correction level' : `ecLevel ${spec.ecLevels.join(', ')}`;
    problems.push({
      field: 'ecLevel',
      rule: 'unsupported',
      detail: `${spec.title} takes ${levels}: got ${given.ecLevel}`,
    });
  }
  if (!text.ok || problems.length > 0) return { ok: false, problems };
  // L for Micro QR, as its smallest sizes have no other; M is what the QR standards call normal.
  const ecLevel =
    given.ecLevel ?? (spec.ecLevels.length === 0 ? undefined : given.symbology === 'microqrcode' ? 'L' : 'M');
  const request = {
    symbology: given.symbology,
    text: text.text,
    format: given.format ?? 'svg',
    scale: given.scale ?? spec.scale,
    quietZone: given.quietZone ?? spec.quietZone,
    humanReadable: given.humanReadable ?? spec.humanReadable,
  };
  return { ok: true, request: ecLevel === undefined ? request : { ...request, ecLevel } };
}

function queryValue(name: string, value: string): unknown {
  if ((name === 'scale' || name === 'quietZone') && /^\d{1,4}$/.test(value)) return Number(value);
  if (name === 'humanReadable' && (value === 'true' || value === 'false')) return value === 'true';
  return value;
}
