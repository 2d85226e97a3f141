import type { Socket } from 'node:net';

interface WithHandle {
  readonly _handle?: { readonly bytesWritten?: number; readonly writeQueueSize?: number } | null;
}

/**
 * Bytes that the kernel has taken for the client. `bytesWritten` of the socket counts what waits in the process too, and
 * `drain` comes only when all of it has gone: of a slow but steady reader neither says how fast it is.
 */
export function deliveredBytes(socket: Socket | null): number {
  if (socket === null) return 0;
  const handle = (socket as WithHandle)._handle;
  return handle?.bytesWritten === undefined
    ? socket.bytesWritten - socket.writableLength
    : handle.bytesWritten - (handle.writeQueueSize ?? 0);
}
