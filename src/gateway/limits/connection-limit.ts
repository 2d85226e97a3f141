import type { Server, Socket } from 'node:net';
import type { Bugs } from '../../metrics/bugs.ts';
import { canonicalAddress } from '../../core/addresses.ts';
import { connectionsFor, descriptorLimit } from '../../core/descriptors.ts';

export interface ConnectionLimitOptions {
  readonly bugs: Bugs;
  /** Asked for each connection; connections that came while there was no limit do not count. */
  readonly maxPerAddress: () => number | undefined;
  /** Called for each connection that was closed because there are too many. */
  readonly onRefused: () => void;
}

/**
 * Bounds the connections of all clients together. `max` is for each listener. Without it, the listeners share the
 * descriptor limit less the backend connections.
 */
export function useBackendConnections(
  servers: readonly Server[],
  max: number | undefined,
  backendConnections: number,
): void {
  const all = connectionsFor(descriptorLimit(), backendConnections);
  const allowed = max ?? (all === undefined ? undefined : Math.ceil(all / servers.length));
  for (const server of servers) if (allowed !== undefined) server.maxConnections = allowed;
}

/** Bounds the connections of an address, and counts the connections that are closed at once because of this bound. */
export function limitConnections(server: Server, { maxPerAddress, onRefused, bugs }: ConnectionLimitOptions): void {
  server.on('drop', bugs.guard('connection', onRefused));
  const open = new Map<string, number>();
  const closed = (address: string): void => {
    const left = (open.get(address) ?? 1) - 1;
    if (left > 0) open.set(address, left);
    else open.delete(address);
  };
  const opened = (socket: Socket): void => {
    const most = maxPerAddress();
    if (most === undefined) return;
    const address = canonicalAddress(socket.remoteAddress ?? '');
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once(
      'close',
      bugs.guard('connection', () => closed(address)),
    );
    if (count <= most) return;
    onRefused();
    socket.destroy();
  };
  server.on(
    'connection',
    bugs.guard('connection', opened, (socket) => void socket.destroy()),
  );
}
