// An application such as a team runs: twelve kinds of endpoint, none of which knows of a gateway.
// node application.ts PORT
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

const FILE_BYTES = 200 * 1024 * 1024;
const BLOCK = 64 * 1024;

/** The bytes of a large file, which anyone can make from their position. */
function block(index: number): Buffer {
  return Buffer.alloc(BLOCK, createHash('sha256').update(String(index)).digest());
}

function sendFile(req: IncomingMessage, res: ServerResponse): void {
  const range = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '');
  const from = Number(range?.[1] ?? 0);
  const to = Math.min(Number(range?.[2] ?? FILE_BYTES - 1), FILE_BYTES - 1);
  res.writeHead(range === null ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'content-length': to - from + 1,
    'accept-ranges': 'bytes',
    ...(range === null ? {} : { 'content-range': `bytes ${from}-${to}/${FILE_BYTES}` }),
  });
  let position = from;
  const more = (): void => {
    while (position <= to) {
      const offset = position % BLOCK;
      const part = block((position - offset) / BLOCK).subarray(offset, Math.min(BLOCK, offset + to - position + 1));
      position += part.length;
      if (!res.write(part)) return;
    }
    res.end();
  };
  res.on('drain', more);
  more();
}

async function digestOf(req: IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of req) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return `${bytes} ${hash.digest('hex')}`;
}

type Handler = (req: IncomingMessage, res: ServerResponse, url: URL) => void | Promise<void>;

const handlers: Readonly<Record<string, Handler>> = {
  '/json': (_req, res, url) => {
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ q: url.searchParams.get('q') }));
  },
  '/upload': async (req, res) => void res.end(await digestOf(req)),
  '/events': (_req, res, url) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    res.write('data: first\n\n');
    const timer = setTimeout(() => res.end('data: last\n\n'), Number(url.searchParams.get('silence')));
    res.on('close', () => clearTimeout(timer));
  },
  '/poll': (_req, res, url) => void setTimeout(() => res.end('news'), Number(url.searchParams.get('wait'))),
  '/file': sendFile,
  '/cookies': (req, res) => {
    res.setHeader('set-cookie', ['a=1; Path=/', 'b=2; HttpOnly']).end(req.headers.cookie ?? 'none');
  },
  '/gzip': (_req, res) => {
    res
      .writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' })
      .end(gzipSync('squeezed '.repeat(1000)));
  },
  '/redirect': (_req, res) => void res.writeHead(302, { location: '/json?q=there' }).end(),
  '/head': (_req, res) => void res.writeHead(200, { 'content-length': 12345, etag: '"h"' }).end(),
  '/error': (_req, res) => void res.writeHead(500, { 'content-type': 'text/plain' }).end('it broke'),
  '/health': (_req, res) => void res.end('ok'),
  '/crash': () => process.exit(1),
};

const server = createServer((req, res) => {
  const url = new URL(req.url ?? '/', 'http://app');
  const handler = handlers[url.pathname];
  if (handler === undefined) res.writeHead(404).end('no such page');
  else void handler(req, res, url);
});

/** A chat that sends back what it hears, as the text frames that it came in (short ones, masked as clients must). */
server.on('upgrade', (req, socket: Socket) => {
  const key = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const accept = key.digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let pending = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 6) {
      const length = (pending[1] as number) & 0x7f;
      if (pending.length < 6 + length) return;
      const mask = pending.subarray(2, 6);
      const payload = pending.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] as number));
      const opcode = (pending[0] as number) & 0x0f;
      pending = pending.subarray(6 + length);
      socket.write(Buffer.concat([Buffer.from([0x80 | opcode, length]), payload]));
      if (opcode === 8) socket.end();
    }
  });
});
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
server.listen(Number(process.argv[2]), '127.0.0.1');
