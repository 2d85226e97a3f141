import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

/** The body, or the reason why there is none: it has more bytes than allowed, or its client left before its end. */
export type BoundedBody = Buffer | 'too-large' | 'left';

/** Collects the body of a request in memory. The rest of a body that is too large is read and thrown away. */
export function readBody(
  request: Readable & Pick<IncomingMessage, 'headers'>,
  limitBytes: number,
): Promise<BoundedBody> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) {
    request.resume();
    return Promise.resolve('too-large');
  }
  const { promise, resolve } = Promise.withResolvers<BoundedBody>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= limitBytes) chunks.push(chunk);
    else {
      chunks.length = 0;
      resolve('too-large');
    }
  });
  request.on('end', () => resolve(Buffer.concat(chunks)));
  request.on('close', () => resolve('left'));
  request.on('error', () => resolve('left'));
  return promise;
}
