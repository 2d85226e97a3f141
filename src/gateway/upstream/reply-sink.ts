import type { Duplex } from 'node:stream';

/** The header fields of a reply, as undici parses them. */
export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Where a reply goes. */
export interface ReplySink {
  /** A 1xx reply before the final one. */
  informational?(status: number, headers: ReplyHeaders): void;
  head(status: number, headers: ReplyHeaders): void;
  /** False: the sink is full, and calls `resume` when it can take more. */
  data(chunk: Buffer, resume: () => void): boolean;
  end(): void;
  /**
   * The backend has switched protocols. The sink now owns the connection, and calls `done` when the connection has
   * closed.
   */
  upgrade?(headers: ReplyHeaders, socket: Duplex, done: () => void): void;
}
