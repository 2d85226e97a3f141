import { Agent, request } from 'node:http';
import { connect } from 'node:net';
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
  /** Streams and tunnels that ended before the load did, and were cut, or were not to end at all. */
  readonly cut: readonly string[];
  /** Streams and tunnels that the gateway ended as a protocol says (a complete reply, close code 1001), and that were opened again. */
  readonly reopened: number;
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
  /** Whether the gateway may end streams and tunnels as their protocols say. The client then opens them again. */
  readonly mayEnd?: boolean;
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
  const { url, perSecond, path = '/json', mayEnd = false, onReply } = options;
  const failures: string[] = [];
  const cut: string[] = [];
  const counts = { uploads: 0, downloads: 0, echoes: 0, events: 0, reopened: 0 };
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
  const open = new Set<Closable>();
  /** Keeps one stream or tunnel open until the load is over. */
  const hold = async (kind: string, start: (ended: (isClean: boolean) => void) => Promise<Closable>): Promise<void> => {
    const one = await start((isClean) => {
      open.delete(one);
      if (isOver()) return;
      if (!isClean || !mayEnd) cut.push(kind);
      if (!mayEnd) return;
      counts.reopened++;
      hold(kind, start).catch((error: Error) => failures.push(`${kind}: ${error.message}`));
    });
    open.add(one);
  };
  await Promise.all([
    ...Array.from({ length: options.eventStreams }, () =>
      hold('event stream', (ended) => openStream(url, () => counts.events++, ended)),
    ),
    ...Array.from({ length: options.tunnels }, () =>
      hold('tunnel', (ended) => openTunnel(url, () => counts.echoes++, ended)),
    ),
  ]);
  return {
    async stop() {
      over.abort();
      const [kept, fresh] = (await Promise.all(steady.map((one) => one.stop()))) as [SteadyResult, SteadyResult];
      await Promise.all(loops);
      for (const { close } of open) close();
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

interface Closable {
  close(): void;
}

function openStream(url: string, heard: () => void, ended: (isClean: boolean) => void): Promise<Closable> {
  return new Promise((resolve, reject) => {
    const req = request(`${url}/events`, { agent: false }, (res) => {
      if (res.statusCode !== 200) {
        reject(new Error(`status ${res.statusCode}`));
        return;
      }
      res.on('data', heard).on('error', () => {});
      res.once('close', () => ended(res.complete));
      resolve({ close: () => void res.destroy() });
    });
    req.on('error', reject);
    req.end();
  });
}

/** Says something ten times a second, and hears it back. */
function openTunnel(url: string, heard: () => void, ended: (isClean: boolean) => void): Promise<Closable> {
  const { hostname, port } = new URL(url);
  const handshake =
    'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(handshake));
    socket.on('error', reject);
    socket.once('data', (chunk: Buffer) => {
      if (!chunk.toString('latin1').startsWith('HTTP/1.1 101')) {
        reject(new Error(chunk.toString('latin1').slice(0, 600)));
        return;
      }
      let isClean = false;
      const timer = setInterval(() => socket.write(maskedText('hello')), 100);
      socket.on('data', (message: Buffer) => {
        if (!hasGoingAway(message)) return heard();
        isClean = true;
        clearInterval(timer);
        socket.end();
      });
      socket.once('close', () => {
        clearInterval(timer);
        ended(isClean);
      });
      resolve({ close: () => void socket.end() });
    });
  });
}

/** Whether a close frame with code 1001 is among these frames, which have no mask. */
const hasGoingAway = (frames: Buffer): boolean => {
  const at = frames.indexOf(Buffer.from([0x03, 0xe9]));
  return at >= 2 && frames[at - 2] === 0x88;
};

/** A text frame as a client sends it, with a mask of zeros. */
const maskedText = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
