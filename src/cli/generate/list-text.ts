import { isUtf8 } from 'node:buffer';

/** How the bytes of a list may be read; `latin1` is Windows-1252, as in browsers and spreadsheets. */
export const listEncodings = ['utf8', 'latin1', 'utf16le'] as const;
export type ListEncoding = (typeof listEncodings)[number];

const labels: Readonly<Record<ListEncoding, string>> = {
  utf8: 'utf-8',
  latin1: 'windows-1252',
  utf16le: 'utf-16le',
};
const LONGEST_EXCERPT = 40;

/** The text of a list, without a byte order mark. Throws where it is not UTF-8 and nothing says what it is. */
export function listText(bytes: Buffer, encoding: ListEncoding | undefined): string {
  const isMarked = bytes[0] === 0xff && bytes[1] === 0xfe;
  const chosen = encoding ?? (isMarked ? 'utf16le' : 'utf8');
  if (chosen === 'utf8' && !isUtf8(bytes)) throw new Error(notUtf8(bytes));
  return new TextDecoder(labels[chosen]).decode(bytes);
}

function notUtf8(bytes: Buffer): string {
  let number = 1;
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1 && isUtf8(bytes.subarray(start, end)); end = bytes.indexOf(10, start)) {
    start = end + 1;
    number++;
  }
  const end = bytes.indexOf(10, start);
  const line = bytes.subarray(start, end === -1 ? undefined : end);
  const shown = new TextDecoder(labels.latin1).decode(line).trim().slice(0, LONGEST_EXCERPT);
  return `line ${number} is not UTF-8: if it should read '${shown}', give --encoding latin1; else save the list as UTF-8`;
}
