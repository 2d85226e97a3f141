import { contrastProblem } from './contrast.ts';
import { fieldProblems } from './field-problems.ts';
import type { ImageFormat } from './formats.ts';
import { formatNamed, symbologyNamed } from './names.ts';
import { type BarcodeRequestBody, barcodeRequestSchema, booleanFields, numberFields } from './request-schema.ts';
import { type EcLevel, type Symbology, type SymbologySpec, specOf } from './symbologies.ts';
import { type FieldProblem, checkText } from './validate.ts';

/** Fields that are there only if the caller gave them, checked. */
type Given = Omit<
  BarcodeRequestBody,
  'symbology' | 'text' | 'format' | 'scale' | 'quietZone' | 'humanReadable' | 'ecLevel'
>;

/** A checked request with every default filled in; `ecLevel` is there only where the symbology has levels. */
export interface BarcodeRequest extends Given {
  readonly symbology: Symbology;
  /** Complete: with its check digit where it was given without. For bytes, a data URI (RFC 2397) of them. */
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

/**
 * Checks a request body as far as that needs no encoder, and fills in the defaults. Does not throw.
 * `format`: the format of a body that names none.
 */
export function parseBarcodeRequest(input: unknown, format: ImageFormat = 'svg'): ParsedBarcodeRequest {
  const named = withKnownNames(input);
  const parsed = barcodeRequestSchema.safeParse(named);
  if (parsed.success) return complete(parsed.data, format);
  const problems = parsed.error.issues.flatMap((issue) => fieldProblems(issue, named));
  const hasContent = typeof named !== 'object' || named === null || 'text' in named || 'data' in named;
  return { ok: false, problems: hasContent || Array.isArray(named) ? problems : [...problems, noText] };
}

const noText: FieldProblem = { field: 'text', rule: 'required', detail: 'text is missing' };

/**
 * Reads a request out of a path parameter and a query string (GET /v1/render/{symbology}?text=…).
 *
 * Numbers and booleans are written as JSON writes them; a parameter given twice is refused.
 */
export function fromQuery(symbology: string, query: URLSearchParams, format?: ImageFormat): ParsedBarcodeRequest {
  const input = new Map<string, unknown>([['symbology', symbology]]);
  for (const [name, value] of query) {
    if (input.has(name)) {
      return { ok: false, problems: [{ field: name, rule: 'repeated', detail: `${name} may be given once` }] };
    }
    input.set(name, queryValue(name, value));
  }
  return parseBarcodeRequest(Object.fromEntries(input), format);
}

/** The request as JSON with every default in it, keys always in the same order: equal requests give equal bodies. */
export function canonicalBody(request: BarcodeRequest): string {
  const { symbology, text, format, scale, quietZone, humanReadable, ecLevel, ...given } = request;
  const plain = { symbology, text, format, scale, quietZone, humanReadable, ecLevel };
  // Most requests have none of the other fields.
  if (Object.keys(given).length === 0) return JSON.stringify(plain);
  const content = given.data === undefined ? { text } : {};
  const size = given.widthMm === undefined ? { scale } : {};
  const others = Object.fromEntries(Object.entries(given).sort(([left], [right]) => (left < right ? -1 : 1)));
  return JSON.stringify({ symbology, ...content, format, ...size, quietZone, humanReadable, ecLevel, ...others });
}

function withKnownNames(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  const { symbology, format } = input as { readonly symbology?: unknown; readonly format?: unknown };
  const [knownSymbology, knownFormat] = [symbologyNamed(symbology), formatNamed(format)];
  if (knownSymbology === symbology && knownFormat === format) return input;
  return { ...input, symbology: knownSymbology, ...(format === undefined ? {} : { format: knownFormat }) };
}

function complete(given: BarcodeRequestBody, format: ImageFormat): ParsedBarcodeRequest {
  const { symbology, text: _, ecLevel: level, ...rest } = given;
  const spec = specOf(symbology);
  const problems = misfits(given, spec);
  const text = contentOf(given, spec);
  if (typeof text !== 'string') problems.unshift(text);
  if (typeof text !== 'string' || problems.length > 0) return { ok: false, problems };
  // L for Micro QR, as its smallest sizes have no other; M is what the QR standards call normal.
  const ecLevel = level ?? (spec.ecLevels.length === 0 ? undefined : symbology === 'microqrcode' ? 'L' : 'M');
  const request = {
    ...rest,
    symbology,
    text,
    format: given.format ?? format,
    scale: given.scale ?? spec.scale,
    quietZone: given.quietZone ?? spec.quietZone,
    humanReadable: given.humanReadable ?? spec.humanReadable,
  };
  return { ok: true, request: ecLevel === undefined ? request : { ...request, ecLevel } };
}

/** The complete text, or what is wrong with it. */
function contentOf({ symbology, text, data }: BarcodeRequestBody, spec: SymbologySpec): string | FieldProblem {
  if (text !== undefined && data !== undefined)
    return { field: 'data', rule: 'exclusive', detail: 'A barcode has text or data, not both' };
  if (data !== undefined) {
    if (spec.isBinary === true) return `data:;base64,${data}`;
    return { field: 'data', rule: 'unsupported', detail: `${spec.title} holds text alone` };
  }
  if (text === undefined) return noText;
  const checked = checkText(symbology, text);
  return checked.ok ? checked.text : checked.problem;
}

/** Fields that the symbology does not have, and fields that do not fit each other. */
function misfits(given: BarcodeRequestBody, spec: SymbologySpec): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const unsupported = (field: string, detail: string): void =>
    void problems.push({ field, rule: 'unsupported', detail });
  const { symbology, ecLevel, columns, color = '#000000', background = '#ffffff' } = given;
  const isLinear = spec.family === 'linear';
  if (given.humanReadable === true && !isLinear) unsupported('humanReadable', `${spec.title} has no line of text`);
  if (given.textSize !== undefined && (!isLinear || spec.hasAddOn === true))
    unsupported('textSize', `${spec.title} has ${isLinear ? 'digits of one size' : 'no line of text'}`);
  if (given.barHeight !== undefined && !isLinear) unsupported('barHeight', `${spec.title} has no bars of one height`);
  if (ecLevel !== undefined && !spec.ecLevels.includes(ecLevel)) {
    const levels = spec.ecLevels.length === 0 ? 'no error-correction level' : `ecLevel ${spec.ecLevels.join(', ')}`;
    unsupported('ecLevel', `${spec.title} takes ${levels}: got ${ecLevel}`);
  }
  for (const field of ['version', 'mask', 'eci'] as const) {
    if (given[field] !== undefined && symbology !== 'qrcode')
      unsupported(field, `${spec.title} takes no ${field}; qrcode does`);
  }
  if (columns !== undefined && columns > (spec.maxColumns ?? 0))
    unsupported(
      'columns',
      `${spec.title} takes ${spec.maxColumns === undefined ? 'no columns' : `1 to ${spec.maxColumns} columns`}`,
    );
  if (given.addOn !== undefined && spec.hasAddOn !== true) unsupported('addOn', `${spec.title} has no add-on`);
  if (given.bearerBars !== undefined && symbology !== 'itf14')
    unsupported('bearerBars', `${spec.title} has no bearer bars`);
  if (given.widthMm !== undefined && given.scale !== undefined)
    problems.push({ field: 'widthMm', rule: 'exclusive', detail: 'A barcode has widthMm or scale, not both' });
  const contrast = contrastProblem(color, background);
  if (contrast !== undefined) problems.push(contrast);
  return problems;
}

function queryValue(name: string, value: string): unknown {
  if (numberFields.has(name) && /^\d{1,6}(\.\d{1,4})?$/.test(value)) return Number(value);
  if (booleanFields.has(name) && (value === 'true' || value === 'false')) return value === 'true';
  return value;
}
