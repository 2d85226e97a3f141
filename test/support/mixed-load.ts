import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { startSteadyClient, type SteadyResult } from './steady-client.ts';

/** What became of a mixed load. */
export interface MixedResult {
  /** Short requests, on kept and on fresh connections. */
  readonly kept: SteadyResult;
  readonly fresh: SteadyResult;
  readonly uploads: number;
  readonly downloads: number;
  /** What went wrong, each with its kind. */
  readonly failures: readonly string[];
  /** Streams and tunnels that ended before the load did. */
  readonly cut: readonly string[];
  /** Messages that came back through tunnels, and events of streams. */
  readonly echoes: number;
  readonly events: number;
}

export interface MixedLoadOptions {
  readonly url: string;
  /** Short requests a second, half of them on fresh connections. */
  readonly perSecond: number;
  readonly eventStreams: number;
  readonly tunnels: number;
  readonly path?: string;
  /** Gets the time of each short request, in milliseconds. */
  readonly onReply?: (ms: number) => void;
}

const UPLOAD_PIECES = 6;
const PIECE = Buffer.alloc(2048, 'u');
/** The bytes of a download of `startLoadedApp`. */
export const DOWNLOAD_BYTES = 6 * 4096;
const PAUSE_MS = 40;
const later = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Requests, uploads, downloads, event streams and tunnels at the same time, until it is stopped. */
export async function startMixedLoad(options: MixedLoadOptions): Promise<{ stop(): Promise<MixedResult> }> {
  const { url, perSecond, path = '/json', onReply } = options;
  const failures: string[] = [];
  const cut: string[] = [];
  const counts = { uploads: 0, downloads: 0, echoes: 0, events: 0 };
  const over = new AbortController();
  const isOver = (): boolean => over.signal.aborted;
  const steady = [true, false].map((keepAlive) =>
    startSteadyClient({ url, key: '', perSecond: perSecond / 2, keepAlive, method: 'GET', path, onReply }),
  );
  const agent = new Agent({ keepAlive: true });
  const repeat = async (kind: 'uploads' | 'downloads', one: () => Promise<string | undefined>): Promise<void> => {
    while (!isOver()) {
      const failure = await one();
      counts[kind]++;
      if (failure !== undefined) failures.push(`${kind}: ${failure}`);
    }
  };
  const loops = [
    repeat('uploads', () => upload(url, agent)),
    repeat('uploads', () => upload(url, agent)),
    repeat('downloads', () => download(url, agent)),
    repeat('downloads', () => download(url, agent)),
  ];
  const streams = await Promise.all(
    Array.from({ length: options.eventStreams }, () =>
      openStream(
        url,
        () => counts.events++,
        () => isOver() || cut.push('event stream'),
      ),
    ),
  );
  const tunnels = await Promise.all(
    Array.from({ length: options.tunnels }, () =>
      openTunnel(
        url,
        () => counts.echoes++,
        () => isOver() || cut.push('tunnel'),
      ),
    ),
  );
  return {
    async stop() {
      over.abort();
      const [kept, fresh] = (await Promise.all(steady.map((one) => one.stop()))) as [SteadyResult, SteadyResult];
      await Promise.all(loops);
      for (const stream of streams) stream.destroy();
      for (const tunnel of tunnels) tunnel.end();
      agent.destroy();
      return { kept, fresh, ...counts, failures, cut };
    },
  };
}

function upload(url: string, agent: Agent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const length = UPLOAD_PIECES * PIECE.length;
    const req = request(`${url}/upload`, { method: 'POST', agent, headers: { 'content-length': length } }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('end', () => resolve(text === String(length) ? undefined : `${res.statusCode} ${text.slice(0, 200)}`));
      res.on('error', (error) => resolve(error.message));
    });
    req.on('error', (error) => resolve(error.message));
    void (async () => {
      for (let piece = 0; piece < UPLOAD_PIECES; piece++) {
        req.write(PIECE);
        await later(PAUSE_MS);
      }
      req.end();
    })();
  });
}

function download(url: string, agent: Agent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const req = request(`${url}/download`, { agent }, (res) => {
      let bytes = 0;
      res.on('data', (chunk: Buffer) => (bytes += chunk.length));
      res.on('end', () => resolve(bytes === DOWNLOAD_BYTES ? undefined : `${res.statusCode}, ${bytes} bytes`));
      res.on('error', (error) => resolve(error.message));
    });
    req.on('error', (error) => resolve(error.message));
    req.end();
  });
}

function openStream(url: string, heard: () => void, ended: () => void): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const req = request(`${url}/events`, { agent: false }, (res) => {
      res.on('data', heard);
      for (const event of ['end', 'error'] as const) res.once(event, ended);
      resolve(res);
    });
    req.on('error', reject);
    req.end();
  });
}

/** Says something ten times a second, and hears it back. */
function openTunnel(url: string, heard: () => void, ended: () => void): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const handshake =
    'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(handshake));
    socket.once('error', reject);
    socket.once('data', (chunk: Buffer) => {
      if (!chunk.toString('latin1').startsWith('HTTP/1.1 101')) {
        reject(new Error(chunk.toString('latin1').slice(0, 200)));
        return;
      }
      socket.on('data', heard);
      const timer = setInterval(() => socket.write(maskedText('hello')), 100);
      socket.once('close', () => {
        clearInterval(timer);
        ended();
      });
      resolve(socket);
    });
  });
}

/** A text frame as a client sends it, with a mask of zeros. */
const maskedText = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
