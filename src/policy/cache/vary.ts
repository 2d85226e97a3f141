/** Personal fields: a reply that varies by one of these is for one client and is not shared. */
const personal: ReadonlySet<string> = new Set([
  '*',
  'authorization',
  'cookie',
  'x-api-key',
  // The gateway writes these fields for the backend; the client's values do not count.
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
  'traceparent',
  'x-deadline-ms',
]);

/** The fields that a reply depends on, in lower case, sorted, each once; `never` if no other request can match. */
export function varyNames(field: string | undefined): readonly string[] | 'never' {
  if (field === undefined) return [];
  const names = field
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.some((name) => personal.has(name))) return 'never';
  return [...new Set(names)].sort();
}

/**
 * The values of these fields in a request, as one text that is equal for requests that select the same reply
 * (RFC 9111 §4.1). `names` and `values`: the header lines, names in lower case.
 */
export function selection(
  vary: readonly string[],
  names: readonly string[],
  valueAt: (index: number) => string,
): string {
  let text = '';
  for (const wanted of vary) {
    let joined: string | undefined;
    for (let index = 0; index < names.length; index++) {
      if (names[index] !== wanted) continue;
      const value = normalised(valueAt(index));
      joined = joined === undefined ? value : `${joined},${value}`;
    }
    // A missing field differs from an empty one; neither separator can occur in a field.
    text += joined === undefined ? '\u0001\n' : `${joined}\n`;
  }
  return text;
}

/** White space around commas means nothing in a list (RFC 9110 §5.6.1). */
function normalised(value: string): string {
  // Not by a regular expression: one that looks for white space before a comma is quadratic in a run of white space.
  return value
    .split(',')
    .map((member) => member.trim())
    .join(',');
}
