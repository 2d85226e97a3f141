/** Characters that some file system does not take, or that would lead to another folder. */
const unsafe: ReadonlySet<string> = new Set('/\\:*?"<>|\u007f');
const isUnsafe = (character: string): boolean => character < ' ' || unsafe.has(character);
const LONGEST_BYTES = 200;

/** A file name by a template: `{column}` stands for a value, `{row}` for the number of the row. Throws for an unknown name. */
export function fileName(template: string, row: number, values: Readonly<Record<string, string>>): string {
  const name = template.replace(/\{([^{}]{1,100})\}/g, (_, column: string) => {
    if (column === 'row') return String(row);
    const value = Object.hasOwn(values, column) ? values[column] : undefined;
    if (value === undefined) throw new RangeError(`--name has {${column}}, which is no column`);
    return value;
  });
  const safe = Array.from(name, (character) => (isUnsafe(character) ? '_' : character)).join('');
  let short = safe.replace(/^\.+/, '_').trim();
  while (Buffer.byteLength(short) > LONGEST_BYTES) short = short.slice(0, -1);
  return short === '' ? '_' : short;
}
