/** A slice has a thousand endpoints at most, of some hundred bytes each. */
const LONGEST_LINE = 4 * 1024 * 1024;

/** The lines of a stream without an unfinished last one. Throws if a line is too long. */
export async function* eventLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) throw new Error(`an event has more than ${LONGEST_LINE} characters`);
    for (const line of lines) if (line.trim() !== '') yield line;
  }
}
