import type { Connection, PoolClient, Submittable } from 'pg';

/** The socket below a connection, which tells when PostgreSQL reads more slowly than we write. */
interface Wire {
  readonly stream: {
    readonly writableNeedDrain: boolean;
    once(event: 'drain' | 'close', listener: () => void): unknown;
  };
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** Longest time of one COPY; the default of the pool is for short statements. */
export const COPY_LIMIT_MS = 120_000;

/**
 * `COPY … FROM STDIN` on a connection of the pool: PostgreSQL's own protocol for many rows (its manual, 54.2.6), which needs
 * four messages of pg's connection and no library.
 */
class CopyIn implements Submittable {
  readonly query_timeout = COPY_LIMIT_MS;
  /** pg calls it when the time is over, and puts a timer around it. */
  callback: (error?: Error) => void = (error) => this.#fail(error);
  readonly #text: string;
  readonly #begun = Promise.withResolvers<Wire>();
  readonly #ended = Promise.withResolvers<number>();
  #rows = 0;
  #error: Error | undefined;

  constructor(text: string) {
    this.#text = text;
    // Whoever writes awaits one of the two; the other must not count as unhandled.
    this.#begun.promise.catch(() => {});
    this.#ended.promise.catch(() => {});
  }

  submit(connection: Connection): void {
    connection.query(this.#text);
  }

  handleCopyInResponse(connection: unknown): void {
    this.#begun.resolve(connection as Wire);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0);
  }

  handleError(error: Error): void {
    // Ends pg's time limit.
    this.callback(error);
    this.#fail(error);
  }

  handleReadyForQuery(): void {
    this.callback();
    this.#ended.resolve(this.#rows);
  }

  async write(rows: AsyncIterable<string>): Promise<number> {
    const wire = await this.#begun.promise;
    try {
      for await (const part of rows) {
        if (this.#error !== undefined) break;
        wire.sendCopyFromChunk(Buffer.from(part));
        if (wire.stream.writableNeedDrain) await drained(wire);
      }
    } catch (error) {
      wire.sendCopyFail('the sender gave up');
      await this.#ended.promise.catch(() => {});
      throw error;
    }
    if (this.#error === undefined) wire.endCopyFrom();
    return this.#ended.promise;
  }

  #fail(error: Error | undefined): void {
    if (error === undefined) return;
    this.#error ??= error;
    this.#begun.reject(this.#error);
    this.#ended.reject(this.#error);
  }
}

const drained = ({ stream }: Wire): Promise<void> =>
  new Promise((resolve) => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });

/** Copies rows in PostgreSQL's text format; resolves to their number. */
export function copyIn(client: PoolClient, text: string, rows: AsyncIterable<string>): Promise<number> {
  return client.query(new CopyIn(text)).write(rows);
}
