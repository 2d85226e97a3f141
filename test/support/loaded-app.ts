import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { DOWNLOAD_BYTES } from './mixed-load.ts';

/** An application with some instances, each on a port of its own, for `startMixedLoad`. */
export interface LoadedApp {
  readonly origins: readonly string[];
  /** The most short requests, uploads and downloads that one instance has had in flight at a time. */
  readonly mostInFlight: readonly number[];
  /** Requests that each instance has answered. */
  readonly answered: readonly number[];
  close(): void;
}

const PIECES = 6;
const PAUSE_MS = 40;

/** `workMs`: how long a short request takes. */
export async function startLoadedApp(firstPort: number, count: number, workMs = 5): Promise<LoadedApp> {
  const mostInFlight = Array.from({ length: count }, () => 0);
  const answered = Array.from({ length: count }, () => 0);
  const servers = Array.from({ length: count }, (_, index) => {
    let inFlight = 0;
    const server = createServer((req, res) => {
      if (req.url === '/events') return sendEvents(res);
      if (req.url === '/health') return void res.end('ok');
      mostInFlight[index] = Math.max(mostInFlight[index] as number, ++inFlight);
      res.once('close', () => {
        inFlight--;
        (answered[index] as number)++;
      });
      if (req.url === '/upload') return void takeUpload(req, res);
      if (req.url === '/download') return sendDownload(res);
      return void setTimeout(() => res.setHeader('x-instance', index).end(`${req.url}`), workMs);
    });
    server.on('upgrade', (_req, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        // Without the mask, as a server sends it.
        const length = (chunk[1] as number) & 0x7f;
        socket.write(Buffer.concat([Buffer.from([0x81, length]), chunk.subarray(6, 6 + length)]));
      });
      socket.on('end', () => socket.end());
    });
    server.keepAliveTimeout = 60_000;
    return server;
  });
  await Promise.all(
    servers.map(
      (server, index) => new Promise<void>((resolve) => void server.listen(firstPort + index, '127.0.0.1', resolve)),
    ),
  );
  return {
    origins: servers.map((_, index) => `http://127.0.0.1:${firstPort + index}`),
    mostInFlight,
    answered,
    close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

function sendEvents(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const timer = setInterval(() => res.write('data: tick\n\n'), 100);
  res.write('data: first\n\n');
  res.once('close', () => clearInterval(timer));
}

async function takeUpload(req: IncomingMessage, res: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of req) bytes += (chunk as Buffer).length;
  res.end(String(bytes));
}

function sendDownload(res: ServerResponse): void {
  let left = PIECES;
  res.writeHead(200, { 'content-length': DOWNLOAD_BYTES });
  const timer = setInterval(() => {
    res.write(Buffer.alloc(DOWNLOAD_BYTES / PIECES, 'd'));
    if (--left > 0) return;
    clearInterval(timer);
    res.end();
  }, PAUSE_MS);
}
