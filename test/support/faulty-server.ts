import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

const BODY = 'x'.repeat(1000);
const HEAD = `HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\nserver-timing: wait;dur=1.5, exec;dur=2\r\n`;

type Fault = (socket: Socket) => void;

/** What a server can do to a request instead of answering it. */
export const faults: Readonly<Record<string, Fault>> = {
  'FIN in place of a reply': (socket) => void socket.end(),
  'RST in place of a reply': (socket) => void socket.resetAndDestroy(),
  'half a head, then FIN': (socket) => void socket.end(HEAD.slice(0, 25)),
  'half a body, then FIN': (socket) => void socket.end(`${HEAD}\r\n${BODY.slice(500)}`),
  'half a body, then RST': (socket) =>
    void socket.write(`${HEAD}\r\n${BODY.slice(500)}`, () => setTimeout(() => socket.resetAndDestroy(), 5)),
  'half a body, then silence': (socket) => void socket.write(`${HEAD}\r\n${BODY.slice(500)}`),
  silence: () => {},
  'a body that drips': (socket) => {
    socket.write(`${HEAD}\r\n`);
    const drip = setInterval(() => (socket.writable ? socket.write('x') : clearInterval(drip)), 50);
    socket.once('close', () => clearInterval(drip));
  },
  'no HTTP at all': (socket) => void socket.write('SSH-2.0-OpenSSH_9.2p1 Debian\r\n'),
  'a chunked body without its end': (socket) =>
    void socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nxxxxx\r\n'),
};

export interface FaultyServer {
  readonly origin: string;
  /** Replies that were sent as a whole. */
  good(): number;
  /** Requests that got the fault. */
  bad(): number;
  close(): Promise<void>;
}

/** Answers requests without bodies, after 5 ms, but does the fault to every fourth. `closing`: says and does so after each reply. */
export async function startFaultyServer(fault: Fault | undefined, closing = false): Promise<FaultyServer> {
  let [good, bad, seen] = [0, 0, 0];
  const sockets = new Set<Socket>();
  const answer = (socket: Socket): void => {
    if (fault !== undefined && ++seen % 4 === 0) {
      bad++;
      fault(socket);
      return;
    }
    good++;
    if (closing) socket.end(`${HEAD}connection: close\r\n\r\n${BODY}`);
    else socket.write(`${HEAD}\r\n${BODY}`);
  };
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      if (chunk.toString('latin1').includes('\r\n\r\n')) setTimeout(() => answer(socket), 5);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    good: () => good,
    bad: () => bad,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
