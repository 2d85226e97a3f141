import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';

/** The kernel gives a page at a time, and listening sockets first. */
const PAGE_BYTES = 4096;
const MOST_PAGES = 8;
/** Turns of the event loop before the first close: what is run then is compiled by now, and takes microseconds. */
const FEWEST_TURNS = 20;
/** Turns after which a listener is closed, though connections go on coming in. */
const MOST_TURNS = 2000;

/** Looks at how many connections the kernel has established on a listening socket that nobody has accepted. */
class AcceptQueue {
  readonly #inode: string | undefined;
  readonly #tables: number[] = [];
  readonly #page = Buffer.alloc(PAGE_BYTES);

  constructor(fd: number) {
    try {
      this.#inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
      for (const path of ['/proc/net/tcp', '/proc/net/tcp6']) this.#tables.push(openSync(path, 'r'));
    } catch {
      // No /proc, or no IPv6: what cannot be seen counts as empty.
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
    let position = 0;
    for (let page = 0; page < MOST_PAGES; page++) {
      const length = readSync(table, this.#page, 0, PAGE_BYTES, position);
      if (length === 0) return undefined;
      position += length;
      for (const line of this.#page.toString('latin1', 0, length).split('\n')) {
        const fields = line.split(/ +/);
        // The receive queue of a listening socket counts connections.
        if (fields[10] === this.#inode) return Number.parseInt(fields[5]?.split(':')[1] ?? '', 16);
      }
    }
    return undefined;
  }
}

/**
 * Calls `close`, which closes a listening socket, once nothing waits on it: the kernel resets what waits in a socket that
 * closes, although its client has been told that it is connected. In the same turn, as every microsecond in between counts.
 */
export function closeWhenEmpty(fd: number, close: () => void): void {
  const queue = new AcceptQueue(fd);
  let turns = 0;
  const look = (): void => {
    // What waited when this turn polled has been accepted, one connection a turn.
    const isEmpty = queue.isEmpty();
    if (++turns < FEWEST_TURNS || (!isEmpty && turns < MOST_TURNS)) {
      setImmediate(look);
      return;
    }
    close();
    queue.close();
  };
  setImmediate(look);
}
