import { z } from 'zod';
import { imageFormats } from './formats.ts';
import { ecLevelNames, symbologyNames } from './symbologies.ts';

const maxScale = 32;
const maxQuietZone = 40;
/** Bytes that the largest QR Code holds; the other symbologies hold fewer or hardly more. */
const maxBytes = 3000;

const color = (describes: string): z.ZodString =>
  z
    .string()
    .regex(/^#[0-9a-fA-F]{6}$/)
    .describe(describes);

/** The body of createBarcode and of the generator's POST /generate. */
export const barcodeRequestSchema = z.strictObject({
  symbology: z.enum(symbologyNames).describe('What kind of barcode; also in other cases, and by its usual aliases'),
  text: z.string().min(1).max(7089).optional().describe('What a reader shall read; needed unless there is data'),
  data: z
    .base64()
    .min(1)
    .max(maxBytes * 1.5)
    .optional()
    .describe('Bytes in base64 instead of text, for QR Code, Data Matrix, Aztec Code and PDF417'),
  format: z.enum(imageFormats).optional().describe('Kind of image; by default what Accept asks for, or svg'),
  scale: z
    .int()
    .min(1)
    .max(maxScale)
    .optional()
    .describe('Pixels a module; by default 2 for bars, 3 for stacked bars, 4 for matrices, 8 for MaxiCode'),
  widthMm: z
    .number()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      'Largest width in millimetres with the quiet zone, before it is rotated, instead of scale: a module gets the largest whole number of dots',
    ),
  dpi: z.int().min(50).max(4800).optional().describe('Dots an inch of the printer: 300 with widthMm, 96 otherwise'),
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
  textSize: z.int().min(1).max(6).optional().describe('Size of that text: its dots in modules; 1 by default'),
  barHeight: z.int().min(5).max(500).optional().describe('Height of the bars in modules'),
  color: color('Colour of the dark modules; #000000 by default').optional(),
  background: z
    .union([z.literal('transparent'), color('Colour')])
    .optional()
    .describe('Colour of the light modules, or transparent; #ffffff by default'),
  rotate: z
    .literal([0, 90, 180, 270])
    .optional()
    .describe('Degrees by which the image is turned clockwise; 0 by default'),
  ecLevel: z.enum(ecLevelNames).optional().describe('Error correction of QR Code, Micro QR Code and rMQR'),
  version: z
    .int()
    .min(1)
    .max(40)
    .optional()
    .describe('Version, which is the size, of a QR Code; by default the smallest'),
  mask: z.int().min(0).max(7).optional().describe('Mask of a QR Code; by default the one that reads best'),
  eci: z.int().min(3).max(999_999).optional().describe('Character set that a QR Code declares (ECI), as 26 for UTF-8'),
  columns: z.int().min(1).max(30).optional().describe('Data columns of PDF417 (30 at most) or MicroPDF417 (4)'),
  addOn: z
    .string()
    .regex(/^(\d{2}|\d{5})$/)
    .optional()
    .describe('Two or five digits beside an EAN, UPC or ISBN: EAN-2 or EAN-5'),
  bearerBars: z.boolean().optional().describe('Whether ITF-14 has a frame of bars; true by default'),
});

export type BarcodeRequestBody = z.output<typeof barcodeRequestSchema>;

/** Fields that a query string writes as numbers, and as true or false. */
export const numberFields: ReadonlySet<string> = new Set([
  'scale',
  'widthMm',
  'dpi',
  'quietZone',
  'textSize',
  'barHeight',
  'rotate',
  'version',
  'mask',
  'eci',
  'columns',
]);
export const booleanFields: ReadonlySet<string> = new Set(['humanReadable', 'bearerBars']);
