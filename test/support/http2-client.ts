import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2';

/** A reply as a client of HTTP/2 got it. */
export interface Http2Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** The code with which the stream was reset; 0 for none. */
  readonly rstCode: number;
  readonly interim: readonly number[];
}

/** A connection to the TLS listener that speaks HTTP/2. */
export function openHttp2(port: number): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, servername: 'shop.example' });
  session.on('error', () => {});
  return session;
}

/** Sends a request, and resolves when its stream has closed. */
export function askHttp2(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Http2Reply> {
  return new Promise((resolve) => {
    const stream = session.request({ ':authority': 'shop.example', ...headers }, { endStream: body === undefined });
    const interim: number[] = [];
    let status = 0;
    let got: Http2Reply['headers'] = {};
    const chunks: Buffer[] = [];
    stream.on('headers', (one) => void interim.push(one[':status'] as number));
    stream.on('response', (one) => {
      status = one[':status'] as number;
      got = one as Http2Reply['headers'];
    });
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    stream.on('error', () => {});
    stream.on('close', () =>
      resolve({ status, headers: got, body: Buffer.concat(chunks).toString(), rstCode: stream.rstCode, interim }),
    );
    if (body !== undefined) stream.end(body);
  });
}
