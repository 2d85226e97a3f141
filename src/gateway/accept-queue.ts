import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';

/** Of the tables of the kernel only the beginning is read: listening sockets come first. */
const TABLE_BYTES = 16 * 1024;
/** Turns of the event loop after which a listener is closed, though connections go on coming in. */
const MOST_TURNS = 1000;

/** Connections that the kernel has established on a listening socket and nobody has accepted; undefined where it does not say. */
function waitingOn(fd: number): number | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
    for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
      const line = head(table)
        .split('\n')
        .find((each) => each.trimEnd().split(/ +/)[10] === inode);
      // The receive queue of a listening socket counts connections.
      if (line !== undefined) return Number.parseInt(line.split(/ +/)[5]?.split(':')[1] ?? '', 16);
    }
  } catch {
    // No /proc: other systems.
  }
  return undefined;
}

/** The kernel gives a page at a time. */
function head(path: string): string {
  const buffer = Buffer.alloc(TABLE_BYTES);
  const file = openSync(path, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < TABLE_BYTES; length += read)
      read = readSync(file, buffer, length, TABLE_BYTES - length, null);
    return buffer.toString('latin1', 0, length);
  } finally {
    closeSync(file);
  }
}

/**
 * Resolves when nothing waits on a listening socket, after which it is to be closed in the same turn: the kernel resets
 * what waits in a socket that closes, although its client has been told that it is connected.
 */
export function acceptQueueEmpty(fd: number): Promise<void> {
  return new Promise((resolve) => {
    let turns = 0;
    const look = (): void => {
      // What waited when this turn polled has been accepted, one connection a turn.
      if (++turns >= MOST_TURNS || (waitingOn(fd) ?? 0) === 0) resolve();
      else setImmediate(look);
    };
    setImmediate(look);
  });
}
