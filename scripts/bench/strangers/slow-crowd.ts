// node slow-crowd.ts PORT COUNT: so many idle WebSockets, uploads at 1 B/s and readers of 10 MB at 1 KB/s each.
import { connect, type Socket } from 'node:net';

const [port, count] = process.argv.slice(2).map(Number);
const READ_BYTES = 1024;
const handshake =
  'GET /app/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

function open(bytes: string): Socket {
  const socket = connect(port as number, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(bytes);
  return socket;
}

for (let index = 0; index < (count ?? 0); index++) {
  open(handshake).resume();
  const upload = open('POST /app/up HTTP/1.1\r\nHost: a\r\nContent-Length: 8192\r\n\r\na');
  upload.resume();
  const sending = setInterval(() => (upload.destroyed ? clearInterval(sending) : upload.write('a')), 1000);
  const reader = open('GET /app/large HTTP/1.1\r\nHost: a\r\n\r\n');
  reader.pause();
  const reading = setInterval(() => {
    if (reader.destroyed) clearInterval(reading);
    else reader.read(Math.min(READ_BYTES, reader.readableLength || READ_BYTES));
  }, 1000);
}
setTimeout(() => process.send?.('ready'), 3000);
