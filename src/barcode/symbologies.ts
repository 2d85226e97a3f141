/** Levels of error correction that a caller may ask for, weakest first. */
export const ecLevelNames = ['L', 'M', 'Q', 'H'] as const;
export type EcLevel = (typeof ecLevelNames)[number];

/** The input of a symbology, and the defaults of its drawing. */
export interface SymbologySpec {
  readonly title: string;
  /** Linear symbols are bars of one height; stacked ones are rows of bars; the others are matrices. */
  readonly family: 'linear' | 'stacked' | 'matrix';
  /** The text in words, for error messages and the API description. */
  readonly takes: string;
  /** The pattern of the whole text. */
  readonly charset: RegExp;
  /** Upper bound in UTF-16 units; a matrix may hold less, which only its encoder knows. */
  readonly maxLength: number;
  /** Accepted numbers of digits; where two stand here, the shorter one has its check digit appended. */
  readonly lengths?: readonly number[];
  /** Whether the text is printed below the bars by default; matrices have no such line. */
  readonly humanReadable: boolean;
  /** Default blank margin at the left and right, in modules, as the symbology's standard asks. */
  readonly quietZone: number;
  /** Default pixels a module. */
  readonly scale: number;
  readonly ecLevels: readonly EcLevel[];
}

const unicode = /^[^]*$/;
const ascii = /^[\0-\x7f]*$/;
const digits = /^\d*$/;
const matrix = { family: 'matrix', humanReadable: false, scale: 4, ecLevels: [] } as const;
const stacked = { family: 'stacked', humanReadable: false, scale: 3, ecLevels: [] } as const;
const linear = { family: 'linear', humanReadable: true, scale: 2, ecLevels: [] } as const;
const anyText = { takes: 'any Unicode text', charset: unicode };
const gtin = {
  takes: '14 digits of a GTIN, or 13 without the check digit',
  charset: digits,
  maxLength: 14,
  lengths: [14, 13],
};
const elements = {
  takes: 'GS1 element strings with their identifiers in brackets, as (01)09501101530003(10)ABC',
  charset: /^(\(\d{2,4}\)[!"%&'*+,\-./0-9:;<=>?A-Z_a-z ]+)+$/,
  maxLength: 90,
};

/**
 * Every symbology by its name in the API.
 *
 * Code 128 is held to ASCII, as the Latin-1 half needs FNC4, which most readers drop.
 */
export const symbologies = {
  qrcode: { ...matrix, ...anyText, title: 'QR Code', maxLength: 7089, quietZone: 4, ecLevels: ['L', 'M', 'Q', 'H'] },
  microqrcode: {
    ...matrix,
    ...anyText,
    title: 'Micro QR Code',
    maxLength: 35,
    quietZone: 2,
    ecLevels: ['L', 'M', 'Q'],
  },
  rmqr: { ...matrix, ...anyText, title: 'rMQR Code', maxLength: 361, quietZone: 2, ecLevels: ['M', 'H'] },
  datamatrix: { ...matrix, ...anyText, title: 'Data Matrix', maxLength: 3116, quietZone: 2 },
  aztec: { ...matrix, ...anyText, title: 'Aztec Code', maxLength: 3832, quietZone: 2 },
  maxicode: { ...matrix, ...anyText, title: 'MaxiCode', maxLength: 138, quietZone: 1, scale: 8 },
  pdf417: { ...stacked, ...anyText, title: 'PDF417', maxLength: 2710, quietZone: 2 },
  micropdf417: { ...stacked, ...anyText, title: 'MicroPDF417', maxLength: 366, quietZone: 2 },
  code128: { ...linear, title: 'Code 128', takes: 'ASCII', charset: ascii, maxLength: 80, quietZone: 10 },
  code39: {
    ...linear,
    title: 'Code 39',
    takes: 'digits, capital letters A-Z, space and - . $ / + %',
    charset: /^[0-9A-Z $%+\-./]*$/,
    maxLength: 80,
    quietZone: 10,
  },
  code93: { ...linear, title: 'Code 93', takes: 'ASCII', charset: ascii, maxLength: 60, quietZone: 10 },
  codabar: {
    ...linear,
    title: 'Codabar',
    takes: 'a start letter A-D, then digits and - $ : / . +, then a stop letter A-D',
    charset: /^[A-D][0-9$+\-./:]+[A-D]$/,
    maxLength: 60,
    quietZone: 10,
  },
  itf: {
    ...linear,
    title: 'ITF',
    takes: 'digits, an even number of them',
    charset: digits,
    maxLength: 80,
    quietZone: 10,
  },
  ean13: {
    ...linear,
    title: 'EAN-13',
    takes: '13 digits, or 12 without the check digit',
    charset: digits,
    maxLength: 13,
    lengths: [13, 12],
    quietZone: 11,
  },
  ean8: {
    ...linear,
    title: 'EAN-8',
    takes: '8 digits, or 7 without the check digit',
    charset: digits,
    maxLength: 8,
    lengths: [8, 7],
    quietZone: 7,
  },
  upca: {
    ...linear,
    title: 'UPC-A',
    takes: '12 digits, or 11 without the check digit',
    charset: digits,
    maxLength: 12,
    lengths: [12, 11],
    quietZone: 9,
  },
  upce: {
    ...linear,
    title: 'UPC-E',
    takes: '8 digits that start with 0 or 1, or 7 without the check digit',
    charset: digits,
    maxLength: 8,
    lengths: [8, 7],
    quietZone: 9,
  },
  databar: { ...linear, ...gtin, title: 'GS1 DataBar', quietZone: 2 },
  databarlimited: { ...linear, ...gtin, title: 'GS1 DataBar Limited', quietZone: 2 },
  databarstacked: { ...stacked, ...gtin, title: 'GS1 DataBar Stacked', quietZone: 2 },
  databarstackedomni: { ...stacked, ...gtin, title: 'GS1 DataBar Stacked Omnidirectional', quietZone: 2 },
  databarexpanded: { ...linear, ...elements, title: 'GS1 DataBar Expanded', quietZone: 2 },
  databarexpandedstacked: { ...stacked, ...elements, title: 'GS1 DataBar Expanded Stacked', quietZone: 2 },
} as const satisfies Record<string, SymbologySpec>;

export type Symbology = keyof typeof symbologies;

export const symbologyNames = Object.keys(symbologies) as [Symbology, ...Symbology[]];

/** The table's row under its general type, so that optional columns can be read. */
export function specOf(symbology: Symbology): SymbologySpec {
  return symbologies[symbology];
}
