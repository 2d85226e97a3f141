import { readFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { canonicalAddress } from '../../core/addresses.ts';

/** Descriptors for files, the database, control and the process itself. */
const RESERVED_DESCRIPTORS = 64;
const SMALLEST_LIMIT = 16;

export interface ConnectionLimitOptions {
  readonly maxPerAddress: number | undefined;
  /** Told of a connection that was closed as there are too many. */
  readonly onRefused: () => void;
}

/** Bounds the connections of clients in all. `max` undefined: what descriptors allow beside those to backends. */
export function useBackendConnections(server: Server, max: number | undefined, backendConnections: number): void {
  const allowed = max ?? connectionsFor(descriptorLimit(), backendConnections);
  if (allowed !== undefined) server.maxConnections = allowed;
}

/** Bounds the connections of an address, and counts those that are closed at once because there are too many. */
export function limitConnections(server: Server, options: ConnectionLimitOptions): void {
  server.on('drop', () => options.onRefused());
  const { maxPerAddress } = options;
  if (maxPerAddress === undefined) return;
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = canonicalAddress(socket.remoteAddress ?? '');
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
    if (count <= maxPerAddress) return;
    options.onRefused();
    socket.destroy();
  });
}

/** Client connections that so many descriptors allow: each may need one more, to a backend or to the spool. */
export function connectionsFor(descriptors: number | undefined, backendConnections: number): number | undefined {
  if (descriptors === undefined) return undefined;
  const left = descriptors - RESERVED_DESCRIPTORS;
  return Math.max(SMALLEST_LIMIT, left - Math.min(backendConnections, Math.floor(left / 2)));
}

/** The soft limit of this process; undefined where the system does not tell. */
function descriptorLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
