import type { Socket } from 'node:net';

interface WithHandle {
  readonly _handle?: { readonly bytesWritten?: number; readonly writeQueueSize?: number } | null;
}

/**
 * Bytes that the kernel has accepted for the client. `bytesWritten` of the socket includes bytes that still wait in the
 * process, and `drain` is emitted only when all of them are gone. So neither shows how fast a slow but steady client
 * reads.
 */
export function deliveredBytes(socket: Socket | null): number {
  if (socket === null) return 0;
  const handle = (socket as WithHandle)._handle;
  return handle?.bytesWritten === undefined
    ? socket.bytesWritten - socket.writableLength
    : handle.bytesWritten - (handle.writeQueueSize ?? 0);
}
