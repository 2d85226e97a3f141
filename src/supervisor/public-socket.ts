import { lookup } from 'node:dns/promises';
import { BoundSocket, createServer } from 'node:net';
import { codeOf, messageOf, UsageError } from '../core/errors.ts';

export interface PublicSocket {
  /** For a worker to listen on; the supervisor keeps it open and accepts nothing itself. */
  readonly fd: number;
  close(): void;
}

/**
 * The public socket, bound once by the supervisor and handed to every worker: it stays open while workers come and go,
 * so no connection that waits in it is lost on a reload. Bound with SO_REUSEPORT, so that a supervisor that takes over
 * can bind its own beside the one that the workers of a dead supervisor still serve.
 */
export async function bindPublicSocket(host: string, port: number, besideOrphans: boolean): Promise<PublicSocket> {
  const { address } = await lookup(host).catch((error: unknown) => {
    throw new UsageError(
      `Cannot listen, as HOST must be an address or a name of this machine: got '${host}' (${messageOf(error)})`,
    );
  });
  // Two listeners with SO_REUSEPORT share a port in silence: ask for it alone first.
  if (!besideOrphans) await assertPortFree('the gateway', 'PORT', address, port);
  try {
    const socket = bind(address, port);
    return { fd: socket.fd(), close: () => socket.close() };
  } catch (error) {
    throw portTaken('the gateway', 'PORT', address, port, error);
  }
}

/** macOS has no SO_REUSEPORT that spreads connections, and Node refuses to pretend. */
function bind(host: string, port: number): BoundSocket {
  try {
    return new BoundSocket({ host, port, reusePort: true });
  } catch (error) {
    if (codeOf(error) !== 'ENOTSUP') throw error;
    return new BoundSocket({ host, port });
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
