/** Printable ASCII without quotation mark and backslash, which JSON takes as it is. */
const plain = /^[ !#-[\]-~]*$/;

/**
 * A JSON string of ASCII characters only, of about `maxLength` characters at most: whatever a client writes into a field
 * stays on one line, and cannot move a terminal's cursor.
 */
export function jsonText(text: string, maxLength: number): string {
  return text.length <= maxLength && plain.test(text) ? `"${text}"` : escaped(text, maxLength);
}

function escaped(text: string, maxLength: number): string {
  const readable = asUtf8(text);
  let out = '';
  for (const character of readable) {
    const written = plain.test(character) ? character : escapes(character);
    if (out.length + written.length > maxLength) return `"${out}\\u2026"`;
    out += written;
  }
  return `"${out}"`;
}

const escapes = (character: string): string =>
  JSON.stringify(character)
    .slice(1, -1)
    .replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Node reads the bytes of a field as latin1; most that are not ASCII are UTF-8. */
function asUtf8(text: string): string {
  // Each character of the field is one byte; a text that is no UTF-8 stays as it is.
  if (!/[\u0080-\u00ff]/.test(text) || /[\u0100-\uffff]/.test(text)) return text;
  const decoded = Buffer.from(text, 'latin1').toString();
  return decoded.includes('\uFFFD') ? text : decoded;
}
