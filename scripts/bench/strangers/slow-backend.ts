// node slow-backend.ts PORT: an application with a quick page, uploads, a reply of 10 MB, and a tunnel.
import { createServer } from 'node:http';
import type { Socket } from 'node:net';

const LARGE = Buffer.alloc(10_000_000, 'z');
const server = createServer((req, res) => {
  if (req.url === '/app/large') res.end(LARGE);
  else req.resume().on('end', () => setTimeout(() => res.end('ok'), 5));
});
server.on('upgrade', (_req, socket: Socket) => {
  socket.on('error', () => {});
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'));
