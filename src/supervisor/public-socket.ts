import { closeSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { BoundSocket, createServer } from 'node:net';
import { codeOf, messageOf, UsageError } from '../core/errors.ts';

/** The listening sockets of the workers, which the supervisor keeps open and accepts nothing on. */
export interface PublicSockets {
  /** The descriptor or address on which worker `index` listens. */
  fd(index: number): number;
  /** Closes a socket, and with it what waits there, and binds another for worker `index`. */
  renew(index: number): void;
  close(): void;
}

/**
 * Binds one socket for each worker (ADR 12). The kernel spreads connections over them, and what waits in the socket of a
 * worker that died waits for its successor. Bound with SO_REUSEPORT, so that a supervisor that takes over can bind its
 * own beside those that the workers of a dead supervisor still serve.
 */
export async function bindPublicSockets(
  { host, port, count, variable }: { host: string; port: number; count: number; variable: string },
  besideOrphans: boolean,
): Promise<PublicSockets> {
  const { address } = await lookup(host).catch((error: unknown) => {
    throw new UsageError(
      `Cannot listen, as HOST must be an address or a name of this machine: got '${host}' (${messageOf(error)})`,
    );
  });
  // Two listeners with SO_REUSEPORT share a port in silence: ask for it alone first.
  if (!besideOrphans) await assertPortFree('the gateway', variable, address, port);
  try {
    return bindAll(address, port, count);
  } catch (error) {
    throw portTaken('the gateway', variable, address, port, error);
  }
}

function bindAll(address: string, port: number, count: number): PublicSockets {
  const first = bind(address, port);
  if (first.isShared) {
    const { socket } = first;
    return { fd: () => socket.fd(), renew: () => {}, close: () => socket.close() };
  }
  const sockets = [first.socket];
  while (sockets.length < count) sockets.push(bind(address, port).socket);
  const at = (index: number): BoundSocket => {
    const socket = sockets[index];
    if (socket === undefined) throw new Error(`There is no socket for worker ${index}`);
    return socket;
  };
  let isClosed = false;
  return {
    fd: (index) => at(index).fd(),
    renew(index) {
      if (isClosed) return;
      at(index).close();
      sockets[index] = bind(address, port).socket;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      for (const socket of sockets) socket.close();
    },
  };
}

/**
 * Sockets that a service manager has opened and keeps open: new connections wait in them while Rampart is restarted. If
 * there are fewer than workers, some workers share one.
 */
export function passedSockets(fds: readonly number[]): PublicSockets {
  let isClosed = false;
  return {
    fd: (index) => fds[index % fds.length] as number,
    // What waits in it cannot be sent elsewhere, as the service manager has it open, too.
    renew: () => {},
    close() {
      if (isClosed) return;
      isClosed = true;
      for (const fd of fds) closeSync(fd);
    },
  };
}

/** macOS has no SO_REUSEPORT that spreads connections, and Node refuses to pretend: there all workers share one socket. */
function bind(host: string, port: number): { socket: BoundSocket; isShared: boolean } {
  try {
    return { socket: new BoundSocket({ host, port, reusePort: true }), isShared: false };
  } catch (error) {
    if (codeOf(error) !== 'ENOTSUP') throw error;
    return { socket: new BoundSocket({ host, port }), isShared: true };
  }
}

/** Whether somebody could listen there beside whoever does already. */
export function isPortShareable(host: string, port: number): boolean {
  try {
    const { socket, isShared } = bind(host, port);
    socket.close();
    return !isShared;
  } catch {
    return false;
  }
}

/** Throws one clear line when nobody could listen there. */
export function assertPortFree(what: string, variable: string, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => reject(portTaken(what, variable, host, port, error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}

export function portTaken(what: string, variable: string, host: string, port: number, error: unknown): UsageError {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'it is taken by another process',
    EACCES: 'this user may not use it; ports below 1024 need a privilege',
    EADDRNOTAVAIL: 'this machine has no such address',
  };
  const reason = why[codeOf(error) ?? ''] ?? messageOf(error);
  return new UsageError(`Cannot start ${what} on ${host}:${port}, as ${reason}. Free it, or set another ${variable}`);
}
