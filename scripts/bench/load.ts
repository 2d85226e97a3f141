import { connect, type Socket } from 'node:net';

/** Where and what a closed loop of connections asks. */
export interface Load {
  readonly port: number;
  /** The bytes of a request; of the one with this number, where each differs. */
  readonly request: string | ((index: number) => string);
  readonly connections: number;
  readonly requests: number;
}

export interface LoadResult {
  readonly answered: number;
  /** Replies that were no 2xx. */
  readonly failed: number;
  readonly seconds: number;
}

/**
 * A closed loop over raw sockets that reads no more of a reply than its status and length: it costs so little that the
 * server, not the client, is what is measured. Replies must carry Content-Length.
 */
export function runLoad(load: Load): Promise<LoadResult> {
  const { promise, resolve, reject } = Promise.withResolvers<LoadResult>();
  const startedAt = performance.now();
  let toSend = load.requests;
  let answered = 0;
  let failed = 0;
  let open = load.connections;
  const finish = (socket: Socket): void => {
    socket.destroy();
    if (--open === 0) resolve({ answered, failed, seconds: (performance.now() - startedAt) / 1000 });
  };
  for (let index = 0; index < load.connections; index++) {
    const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true });
    const next = (): void => {
      if (toSend-- <= 0) finish(socket);
      else socket.write(typeof load.request === 'string' ? load.request : load.request(toSend));
    };
    let pending: Buffer = Buffer.alloc(0);
    socket.on('connect', next);
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const length = replyLength(pending);
      if (length === undefined || pending.length < length) return;
      answered++;
      if (pending[9] !== 0x32) failed++;
      pending = pending.subarray(length);
      next();
    });
  }
  return promise;
}

/** The length of head and body, once the head is there. */
function replyLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`A reply without Content-Length cannot be measured: ${head}`);
  return end + 4 + Number(length);
}
