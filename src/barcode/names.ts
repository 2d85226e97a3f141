import { type ImageFormat, imageFormats } from './formats.ts';
import { symbologyNames } from './symbologies.ts';

/** Other names that people use, in lower case and without separators. */
const symbologyAliases: Readonly<Record<string, string>> = {
  qr: 'qrcode',
  microqr: 'microqrcode',
  rmqrcode: 'rmqr',
  datamatrixecc200: 'datamatrix',
  azteccode: 'aztec',
  code128auto: 'code128',
  code39standard: 'code39',
  usd3: 'code39',
  nw7: 'codabar',
  interleaved2of5: 'itf',
  i2of5: 'itf',
  ean128: 'gs1128',
  ucc128: 'gs1128',
  scc14: 'itf14',
  ean: 'ean13',
  gtin13: 'ean13',
  gtin8: 'ean8',
  gtin12: 'upca',
  upc: 'upca',
  isbn13: 'isbn',
  isbn10: 'isbn',
  bookland: 'isbn',
  databaromni: 'databar',
  databaromnidirectional: 'databar',
  gs1databar: 'databar',
  gs1databaromnidirectional: 'databar',
  gs1databarlimited: 'databarlimited',
  gs1databarstacked: 'databarstacked',
  gs1databarexpanded: 'databarexpanded',
  gs1databarexpandedstacked: 'databarexpandedstacked',
  rss14: 'databar',
  rssexpanded: 'databarexpanded',
  gs1qr: 'gs1qrcode',
  gs1digitallink: 'gs1dlqrcode',
  digitallink: 'gs1dlqrcode',
};

const formatAliases: Readonly<Record<string, ImageFormat>> = {
  'image/svg+xml': 'svg',
  'image/png': 'png',
  'application/pdf': 'pdf',
  'application/postscript': 'eps',
  'image/x-eps': 'eps',
};

const known: ReadonlySet<string> = new Set(symbologyNames);
const knownFormats: ReadonlySet<string> = new Set(imageFormats);

/** The name of a symbology in the API, whatever its case and separators; another value as it is. */
export function symbologyNamed(given: unknown): unknown {
  if (typeof given !== 'string' || known.has(given)) return given;
  const plain = given.toLowerCase().replace(/[\s._-]/g, '');
  if (known.has(plain)) return plain;
  return Object.hasOwn(symbologyAliases, plain) ? symbologyAliases[plain] : given;
}

/** The name of a format in the API, whatever its case; a media type stands for its format. */
export function formatNamed(given: unknown): unknown {
  if (typeof given !== 'string' || knownFormats.has(given)) return given;
  const plain = given.toLowerCase();
  if (knownFormats.has(plain)) return plain;
  return Object.hasOwn(formatAliases, plain) ? formatAliases[plain] : given;
}
