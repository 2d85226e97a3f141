/**
 * The value of a field among header lines; undefined where it is not there. `headers`: name, value, name, value; names in
 * lower case. A value may be any text, such as the name of another field.
 */
export function rawHeader(headers: readonly string[], lowerName: string): string | undefined {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === lowerName) return headers[index + 1];
  return undefined;
}
