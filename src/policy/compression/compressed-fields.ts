/** Fields about the bytes of a body, which are others once it is compressed. */
const ofBytes: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'accept-ranges',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
]);

/** The fields of a reply with another coding of its body. `headers`: name, value, name, value. */
export function compressedFields(headers: readonly string[], encoding: string): string[] {
  const out: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    const value = headers[index + 1] as string;
    const lower = name.toLowerCase();
    if (ofBytes.has(lower)) continue;
    // The bytes of two codings differ, so a strong validator of one is not one of the other (RFC 9110 §8.8.1).
    if (lower === 'etag' && value.startsWith('"')) out.push(name, `W/${value}`);
    else out.push(name, value);
  }
  out.push('content-encoding', encoding);
  return withVary(out);
}

/** The fields with Accept-Encoding in Vary, because a cache must not give one coding to a client of another. */
export function withVary(headers: readonly string[]): string[] {
  const out = [...headers];
  for (let index = 0; index < out.length; index += 2) {
    if ((out[index] as string).toLowerCase() !== 'vary') continue;
    const value = out[index + 1] as string;
    const listed = new Set(value.split(',').map((field) => field.trim().toLowerCase()));
    if (!listed.has('*') && !listed.has('accept-encoding')) out[index + 1] = `${value}, Accept-Encoding`;
    return out;
  }
  out.push('vary', 'Accept-Encoding');
  return out;
}
