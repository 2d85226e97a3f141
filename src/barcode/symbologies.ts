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
  /** One character that the text may have, if not all characters are allowed. */
  readonly character?: RegExp;
  /** The text has GS1 application identifiers, in brackets or as a GS1 Digital Link URI. */
  readonly gs1?: 'elements' | 'link';
  /** Whether it can hold bytes that are no text. */
  readonly isBinary?: boolean;
  /** Whether an EAN-2 or EAN-5 may stand beside it. */
  readonly hasAddOn?: boolean;
  /** The most data columns that a caller may ask for. */
  readonly maxColumns?: number;
}

const unicode = /^[^]*$/;
const ascii = /^[\0-\x7f]*$/;
const digits = /^\d*$/;
const digit = /\d/;
const asciiCharacter = /[\0-\x7f]/;
const matrix = { family: 'matrix', humanReadable: false, scale: 4, ecLevels: [] } as const;
const stacked = { family: 'stacked', humanReadable: false, scale: 3, ecLevels: [] } as const;
const linear = { family: 'linear', humanReadable: true, scale: 2, ecLevels: [] } as const;
const anyText = { takes: 'any Unicode text', charset: unicode };
const gtin = {
  takes: '14 digits of a GTIN, or 13 without the check digit',
  charset: digits,
  character: digit,
  maxLength: 14,
  lengths: [14, 13],
};
/** The characters of GS1 (General Specifications, figure 7.11-1 and 7.11-2) without brackets, which mark an identifier. */
const elements = {
  takes: 'GS1 element strings with their identifiers in brackets, as (01)09501101530003(10)ABC',
  charset: /^(\(\d{2,4}\)[!"#%&'*+,\-./0-9:;<=>?A-Z_a-z]+)+$/,
  character: /[!"#%&'()*+,\-./0-9:;<=>?A-Z_a-z]/,
  gs1: 'elements',
} as const;
const link = {
  takes: 'a GS1 Digital Link URI, as https://id.gs1.org/01/09501101530003/10/ABC',
  charset: /^https?:\/\/[!-~]+$/i,
  character: /[!-~]/,
  gs1: 'link',
} as const;
const retail = { ...linear, charset: digits, character: digit, hasAddOn: true } as const;

/**
 * Every symbology by its name in the API.
 *
 * Code 128 is held to ASCII, as the Latin-1 half needs FNC4, which most readers drop.
 */
export const symbologies = {
  qrcode: {
    ...matrix,
    ...anyText,
    title: 'QR Code',
    maxLength: 7089,
    quietZone: 4,
    ecLevels: ['L', 'M', 'Q', 'H'],
    isBinary: true,
  },
  microqrcode: {
    ...matrix,
    ...anyText,
    title: 'Micro QR Code',
    maxLength: 35,
    quietZone: 2,
    ecLevels: ['L', 'M', 'Q'],
  },
  rmqr: { ...matrix, ...anyText, title: 'rMQR Code', maxLength: 361, quietZone: 2, ecLevels: ['M', 'H'] },
  datamatrix: { ...matrix, ...anyText, title: 'Data Matrix', maxLength: 3116, quietZone: 2, isBinary: true },
  aztec: { ...matrix, ...anyText, title: 'Aztec Code', maxLength: 3832, quietZone: 2, isBinary: true },
  maxicode: { ...matrix, ...anyText, title: 'MaxiCode', maxLength: 138, quietZone: 1, scale: 8 },
  pdf417: { ...stacked, ...anyText, title: 'PDF417', maxLength: 2710, quietZone: 2, isBinary: true, maxColumns: 30 },
  micropdf417: { ...stacked, ...anyText, title: 'MicroPDF417', maxLength: 366, quietZone: 2, maxColumns: 4 },
  code128: {
    ...linear,
    title: 'Code 128',
    takes: 'ASCII',
    charset: ascii,
    character: asciiCharacter,
    maxLength: 80,
    quietZone: 10,
  },
  code39: {
    ...linear,
    title: 'Code 39',
    takes: 'digits, capital letters A-Z, space and - . $ / + %',
    charset: /^[0-9A-Z $%+\-./]*$/,
    character: /[0-9A-Z $%+\-./]/,
    maxLength: 80,
    quietZone: 10,
  },
  code93: {
    ...linear,
    title: 'Code 93',
    takes: 'ASCII',
    charset: ascii,
    character: asciiCharacter,
    maxLength: 60,
    quietZone: 10,
  },
  codabar: {
    ...linear,
    title: 'Codabar',
    takes: 'a start letter A-D, then digits and - $ : / . +, then a stop letter A-D',
    charset: /^[A-D][0-9$+\-./:]+[A-D]$/,
    character: /[A-D0-9$+\-./:]/,
    maxLength: 60,
    quietZone: 10,
  },
  itf: {
    ...linear,
    title: 'ITF',
    takes: 'digits, an even number of them',
    charset: digits,
    character: digit,
    maxLength: 80,
    quietZone: 10,
  },
  itf14: { ...linear, ...gtin, title: 'ITF-14', quietZone: 10 },
  gs1128: { ...linear, ...elements, title: 'GS1-128', maxLength: 96, quietZone: 10 },
  ean13: {
    ...retail,
    title: 'EAN-13',
    takes: '13 digits, or 12 without the check digit',
    maxLength: 13,
    lengths: [13, 12],
    quietZone: 11,
  },
  isbn: {
    ...retail,
    title: 'ISBN',
    takes: '13 digits that start with 978 or 979, or the 10 of an ISBN-10; hyphens may stand between them',
    charset: /^[\d-]*[\dX]?$/,
    character: /[\dX-]/,
    maxLength: 17,
    quietZone: 11,
  },
  ean8: {
    ...retail,
    title: 'EAN-8',
    takes: '8 digits, or 7 without the check digit',
    maxLength: 8,
    lengths: [8, 7],
    quietZone: 7,
  },
  upca: {
    ...retail,
    title: 'UPC-A',
    takes: '12 digits, or 11 without the check digit',
    maxLength: 12,
    lengths: [12, 11],
    quietZone: 9,
  },
  upce: {
    ...retail,
    title: 'UPC-E',
    takes: '8 digits that start with 0 or 1, or 7 without the check digit; or a UPC-A whose zeros can be left out',
    maxLength: 12,
    lengths: [8, 7],
    quietZone: 9,
  },
  databar: { ...linear, ...gtin, title: 'GS1 DataBar', quietZone: 2 },
  databarlimited: { ...linear, ...gtin, title: 'GS1 DataBar Limited', quietZone: 2 },
  databarstacked: { ...stacked, ...gtin, title: 'GS1 DataBar Stacked', quietZone: 2 },
  databarstackedomni: { ...stacked, ...gtin, title: 'GS1 DataBar Stacked Omnidirectional', quietZone: 2 },
  databarexpanded: { ...linear, ...elements, title: 'GS1 DataBar Expanded', maxLength: 90, quietZone: 2 },
  databarexpandedstacked: {
    ...stacked,
    ...elements,
    title: 'GS1 DataBar Expanded Stacked',
    maxLength: 90,
    quietZone: 2,
  },
  gs1datamatrix: { ...matrix, ...elements, title: 'GS1 DataMatrix', maxLength: 2500, quietZone: 2 },
  gs1qrcode: {
    ...matrix,
    ...elements,
    title: 'GS1 QR Code',
    maxLength: 4300,
    quietZone: 4,
    ecLevels: ['L', 'M', 'Q', 'H'],
  },
  gs1dlqrcode: {
    ...matrix,
    ...link,
    title: 'GS1 Digital Link QR Code',
    maxLength: 1000,
    quietZone: 4,
    ecLevels: ['L', 'M', 'Q', 'H'],
  },
  gs1dldatamatrix: { ...matrix, ...link, title: 'GS1 Digital Link Data Matrix', maxLength: 1000, quietZone: 2 },
} as const satisfies Record<string, SymbologySpec>;

export type Symbology = keyof typeof symbologies;

export const symbologyNames = Object.keys(symbologies) as [Symbology, ...Symbology[]];

/** The table's row under its general type, so that optional columns can be read. */
export function specOf(symbology: Symbology): SymbologySpec {
  return symbologies[symbology];
}
