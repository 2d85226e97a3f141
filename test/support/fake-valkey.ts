import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A server that speaks the protocol of Valkey, and answers what the test wants. */
export interface FakeValkey {
  readonly url: string;
  /** Every command so far, with its arguments. */
  readonly commands: readonly (readonly string[])[];
  close(): Promise<void>;
}

/** How INFO is answered by a server that is in order. */
export const soundInfo = (runId = 'run1'): string =>
  bulk(
    `# Server\r\nredis_version:7.2.0\r\nrun_id:${runId}\r\n# Persistence\r\nloading:0\r\n# Replication\r\nrole:master\r\n`,
  );

export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

/** Answers a command; undefined: as a sound server that has done it. */
type Answer = (command: readonly string[], socket: Socket) => string | undefined;

export async function startFakeValkey(answer: Answer): Promise<FakeValkey> {
  const sockets = new Set<Socket>();
  const commands: (readonly string[])[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      for (let taken = takeCommand(text); taken !== undefined; taken = takeCommand(text)) {
        text = text.slice(taken.length);
        commands.push(taken.command);
        const sound = taken.command[0] === 'INFO' ? soundInfo() : '+OK\r\n';
        const reply = answer(taken.command, socket) ?? sound;
        if (socket.writable) socket.write(reply);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    commands,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** The first command of a text, if it is whole; its arguments are ASCII. */
function takeCommand(text: string): { command: string[]; length: number } | undefined {
  const parts = text.split('\r\n');
  const count = Number(parts[0]?.slice(1));
  if (!text.startsWith('*') || parts.length <= count * 2 + 1) return undefined;
  const command = Array.from({ length: count }, (_, index) => parts[index * 2 + 2] ?? '');
  const length = parts.slice(0, count * 2 + 1).reduce((sum, part) => sum + part.length + 2, 0);
  return { command, length };
}
