import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

const ESTABLISHED = '01';

/** Inodes of the accepted connections of a port of 127.0.0.1. */
function inodesOf(port: number): Set<string> {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found = new Set<string>();
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const fields = line.trim().split(/ +/);
    if (fields[1] === address && fields[3] === ESTABLISHED && fields[9] !== '0') found.add(fields[9] as string);
  }
  return found;
}

/** How many accepted connections of a port each of the processes has. */
export function connectionsOf(port: number, pids: readonly number[]): number[] {
  const inodes = inodesOf(port);
  return pids.map((pid) => {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    });
    return links.filter((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '')).length;
  });
}

/** Opens connections to a port of 127.0.0.1, all at once or one after another. */
export async function openConnections(port: number, count: number, atOnce: boolean): Promise<Socket[]> {
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket));
      socket.once('error', reject);
    });
  if (atOnce) return Promise.all(Array.from({ length: count }, open));
  const sockets: Socket[] = [];
  while (sockets.length < count) sockets.push(await open());
  return sockets;
}
