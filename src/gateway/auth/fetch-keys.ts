import type { JSONWebKeySet } from 'jose';
import { request } from 'undici';

const MOST_BYTES = 256 * 1024;
const TIMEOUT_MS = 5000;

/** Reads a key set over HTTP; a long or slow answer is an error. */
export async function fetchKeys(url: string): Promise<JSONWebKeySet> {
  const { statusCode, body } = await request(url, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop destroys the body, and its connection.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`the answer has more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (statusCode !== 200) throw new Error(`the answer has status ${statusCode}`);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as JSONWebKeySet;
}
