/** Reads the text of a stream; undefined if there is no stream, or if it has more than `maxBytes`, whose rest is not read. */
export async function boundedText(stream: ReadableStream | null, maxBytes: number): Promise<string | undefined> {
  if (stream === null) return undefined;
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  // The stream of a fetch gives bytes, and Node's streams can be iterated; its type says neither.
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
