import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What came back on a connection, and how it ended. */
export interface RawReply {
  readonly text: string;
  /** Closed by the other side, as against by us once it had been silent. */
  readonly closed: boolean;
}

export interface RawOptions {
  /** Whether the client ends its side behind the bytes. */
  readonly ends?: boolean;
  /** How long the other side may be silent before we take what there is. */
  readonly quietMs?: number;
  /** Ends the wait as soon as what came satisfies it. */
  readonly until?: (text: string) => boolean;
}

/** Sends bytes as they are, and collects what comes back. */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  { quietMs = 2000, until, ends = false }: RawOptions = {},
): Promise<RawReply> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    let closed = true;
    const stop = (): void => {
      closed = false;
      socket.destroy();
    };
    socket.setTimeout(quietMs, stop);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (until?.(text) === true) stop();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ text, closed }));
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    if (ends) socket.end();
  });
}

export const statusOf = ({ text }: RawReply): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);

/** A backend made of bytes: it remembers all that it got, and answers as it is told. */
export interface RawBackend {
  readonly origin: string;
  readonly port: number;
  /** Every byte that came, connection by connection. */
  readonly received: string[];
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/** `answer` is called with the connection once a head is complete, and for each further one on it. */
export async function startRawBackend(answer: (socket: Socket, head: string) => void): Promise<RawBackend> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const index = received.push('') - 1;
    let pending = '';
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      received[index] += text;
      pending += text;
      const end = pending.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = pending.slice(0, end);
      pending = '';
      answer(socket, head);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    received,
    sockets,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

/** Waits until something holds; fails with what it was waiting for. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`Not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
