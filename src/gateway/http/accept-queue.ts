import type { Bugs } from '../../metrics/bugs.ts';
import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';

/**
 * About one line of the kernel's tables. They are read in small pieces, because the kernel produces only the requested
 * bytes. For a larger piece it would walk through all connections first, and the length of the queue would be
 * milliseconds old.
 */
const PIECE_BYTES = 150;
const MOST_PIECES = 5000;
/** Listening sockets come first. */
const LISTEN = '0A';
/**
 * Turns of the event loop before the first close, so that V8 has compiled the code of the close, which then takes
 * microseconds.
 */
const FEWEST_TURNS = 20;
/** Turns after which a listener is closed even if connections still arrive. */
const MOST_TURNS = 2000;

/** Reads how many connections of a listening socket the kernel has established and this process has not accepted. */
class AcceptQueue {
  readonly #inode: string | undefined;
  readonly #tables: number[] = [];
  readonly #piece = Buffer.alloc(PIECE_BYTES);

  constructor(fd: number) {
    try {
      this.#inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
      for (const path of ['/proc/net/tcp', '/proc/net/tcp6']) this.#tables.push(openSync(path, 'r'));
    } catch {
      // Without /proc or IPv6, the queue counts as empty.
    }
  }

  isEmpty(): boolean {
    try {
      for (const table of this.#tables) {
        const waiting = this.#lookIn(table);
        if (waiting !== undefined) return waiting === 0;
      }
    } catch {
      // As above.
    }
    return true;
  }

  close(): void {
    for (const table of this.#tables) closeSync(table);
  }

  #lookIn(table: number): number | undefined {
    let text = '';
    let position = 0;
    for (let piece = 0; piece < MOST_PIECES; piece++) {
      const length = readSync(table, this.#piece, 0, PIECE_BYTES, position);
      position += length;
      const lines = `${text}${this.#piece.toString('latin1', 0, length)}`.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const fields = line.trim().split(/ +/);
        if (fields[0] === 'sl') continue;
        if (fields[3] !== LISTEN) return undefined;
        // The receive queue of a listening socket counts connections.
        if (fields[9] === this.#inode) return Number.parseInt(fields[4]?.split(':')[1] ?? '', 16);
      }
      if (length === 0) return undefined;
    }
    return undefined;
  }
}

/**
 * Calls `close`, which closes a listening socket, once no connection waits on it. When a socket closes, the kernel
 * resets the connections that wait in it, although their clients are connected. Check and close happen in the same
 * turn, because a connection may arrive in any microsecond between them.
 */
export function closeWhenEmpty(fd: number, close: () => void, bugs: Bugs): void {
  const queue = new AcceptQueue(fd);
  let turns = 0;
  const look = (): void => {
    // One connection a turn is accepted, so those that waited when this turn polled have been accepted.
    const isEmpty = queue.isEmpty();
    if (++turns < FEWEST_TURNS || (!isEmpty && turns < MOST_TURNS)) {
      setImmediate(guarded);
      return;
    }
    close();
    queue.close();
  };
  const guarded = bugs.guard('listener', look, close);
  setImmediate(guarded);
}
