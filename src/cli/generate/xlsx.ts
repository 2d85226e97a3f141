import { MalformedZip, ZipReader } from '../../core/zip-reader.ts';

// The parts of a workbook (ECMA-376) that a list of codes needs: the cells of the first sheet, as texts. The libraries that read all of it
// are large, and the best known one is no longer published where packages come from, with open vulnerabilities in its last version there.

/** Of one part of a workbook, unpacked. */
const MAX_PART_BYTES = 256 * 1024 * 1024;
const MOST_COLUMNS = 16_384;

/** The rows of the first sheet of a workbook. Throws MalformedZip where it is none. */
export function readWorkbook(bytes: Buffer): string[][] {
  const zip = new ZipReader(bytes);
  const part = (name: string): string | undefined => zip.read(name, MAX_PART_BYTES)?.toString('utf8');
  const sheet = part(firstSheet(part('xl/workbook.xml'), part('xl/_rels/workbook.xml.rels')));
  if (sheet === undefined) throw new MalformedZip('it has no sheet');
  return rowsOf(sheet, sharedTexts(part('xl/sharedStrings.xml') ?? ''));
}

function firstSheet(workbook: string | undefined, relations: string | undefined): string {
  const byDefault = 'xl/worksheets/sheet1.xml';
  if (workbook === undefined || relations === undefined) return byDefault;
  const sheet = [...tags(workbook)].find(({ name }) => name === 'sheet');
  const id = sheet && attribute(sheet.text, 'r:id');
  const relation = [...tags(relations)].find(
    ({ name, text }) => name === 'Relationship' && attribute(text, 'Id') === id,
  );
  const target = relation && attribute(relation.text, 'Target');
  if (target === undefined) return byDefault;
  return target.startsWith('/') ? target.slice(1) : `xl/${target}`;
}

interface Tag {
  /** Without a namespace; with / where it closes. */
  readonly name: string;
  readonly text: string;
  /** The text between this tag and the next one, with its entities. */
  readonly after: string;
}

function* tags(xml: string): Generator<Tag> {
  for (let at = xml.indexOf('<'); at !== -1;) {
    const end = xml.indexOf('>', at);
    if (end === -1) return;
    const next = xml.indexOf('<', end);
    const text = xml.slice(at + 1, end);
    const [first = ''] = text.split(/[\s/]/, text.startsWith('/') ? 2 : 1).slice(text.startsWith('/') ? 1 : 0);
    const local = first.slice(first.indexOf(':') + 1);
    yield {
      name: text.startsWith('/') ? `/${local}` : local,
      text,
      after: xml.slice(end + 1, next === -1 ? undefined : next),
    };
    at = next;
  }
}

function attribute(tag: string, name: string): string | undefined {
  const at = tag.indexOf(` ${name}="`);
  if (at === -1) return undefined;
  const start = at + name.length + 3;
  return decoded(tag.slice(start, tag.indexOf('"', start)));
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const decoded = (text: string): string =>
  text.replace(/&(#x[\da-f]{1,6}|#\d{1,7}|[a-z]{2,4});/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return entities[name] ?? whole;
    const code = name[1]?.toLowerCase() === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

/** The texts that cells refer to by their numbers. A reading aid beside a text is no part of it. */
function sharedTexts(xml: string): string[] {
  const texts: string[] = [];
  let isAid = false;
  for (const { name, text, after } of tags(xml)) {
    if (name === 'si') texts.push('');
    else if (name === 'rPh') isAid = true;
    else if (name === '/rPh') isAid = false;
    else if (name === 't' && !isAid && !text.endsWith('/')) texts[texts.length - 1] += decoded(after);
  }
  return texts;
}

function rowsOf(xml: string, shared: readonly string[]): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let column = -1;
  let type = '';
  for (const { name, text, after } of tags(xml)) {
    if (name === 'row') {
      row = [];
      column = -1;
      rows.push(row);
    } else if (name === 'c') {
      const place = attribute(text, 'r');
      column = place === undefined ? column + 1 : columnOf(place);
      type = attribute(text, 't') ?? 'n';
      if (column >= 0 && column < MOST_COLUMNS) while (row.length <= column) row.push('');
    } else if ((name === 'v' || name === 't') && !text.endsWith('/') && column >= 0 && column < MOST_COLUMNS) {
      row[column] += valueOf(type, decoded(after), shared);
    }
  }
  return rows;
}

/** A number is written as Excel stores it: codes of up to 15 digits are whole numbers without an exponent. */
function valueOf(type: string, text: string, shared: readonly string[]): string {
  if (type === 's') return shared[Number(text)] ?? '';
  if (type !== 'n') return text;
  const number = Number(text);
  return Number.isSafeInteger(number) ? String(number) : text;
}

/** A is 0, Z is 25, AA is 26. */
function columnOf(place: string): number {
  let column = 0;
  for (const letter of /^[A-Z]{1,3}/.exec(place)?.[0] ?? '') column = column * 26 + letter.charCodeAt(0) - 64;
  return column - 1;
}
