import { mkdirSync, unlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { randomHex } from '../../core/ids.ts';

const READ_BYTES = 64 * 1024;

/** The disk space of a worker for the uploads and replies of slow clients. */
export class Spool {
  readonly #folder: string;
  readonly #maxBytes: number;
  #usedBytes = 0;

  /** `maxBytes`: of all files of this worker together. */
  constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes room if there is any. */
  reserve(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#maxBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  /** A file without a name, so that nothing is left of it when the process dies. Rejects with the system's error. */
  async open(): Promise<SpoolFile> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, randomHex(24));
    const handle = await open(path, 'wx+', 0o600);
    unlinkSync(path);
    return new SpoolFile(this, handle);
  }
}

/** Bytes on disk, appended at the end and read from anywhere. */
export class SpoolFile {
  readonly #spool: Spool;
  readonly #handle: FileHandle;
  #bytes = 0;
  #users = 0;
  #isReleased = false;

  constructor(spool: Spool, handle: FileHandle) {
    this.#spool = spool;
    this.#handle = handle;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends; false if the budget has no room. Rejects with the system's error, such as a full disk. */
  async append(chunk: Buffer): Promise<boolean> {
    if (this.#isReleased || !this.#spool.reserve(chunk.length)) return false;
    const at = this.#bytes;
    this.#bytes += chunk.length;
    try {
      await this.#using(() => this.#write(chunk, at));
    } catch (error) {
      // The written bytes are beyond the end; the next chunk overwrites them.
      this.#bytes = at;
      if (!this.#isReleased) this.#spool.release(chunk.length);
      throw error;
    }
    return true;
  }

  async #write(chunk: Buffer, at: number): Promise<void> {
    let written = 0;
    while (written < chunk.length) {
      const { bytesWritten } = await this.#handle.write(chunk, written, chunk.length - written, at + written);
      written += bytesWritten;
    }
  }

  /** Up to 64 KiB from a position. */
  read(position: number): Promise<Buffer> {
    if (this.#isReleased) return Promise.reject(new Error('The spool file has been released'));
    return this.#using(async () => {
      const length = Math.min(READ_BYTES, this.#bytes - position);
      const { buffer, bytesRead } = await this.#handle.read(Buffer.allocUnsafe(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    });
  }

  /**
   * The whole file as a stream; any number of streams may be open. A stream that is open when the file is released ends
   * with an error.
   */
  stream(): Readable {
    const end = this.#bytes;
    let position = 0;
    const next = async (): Promise<Buffer | null> => {
      if (position >= end) return null;
      const chunk = await this.read(position);
      position += chunk.length;
      return chunk.length === 0 ? null : chunk;
    };
    return new Readable({
      async read() {
        try {
          this.push(await next());
        } catch (error) {
          this.destroy(error as Error);
        }
      },
    });
  }

  /** Gives the room back and closes the file once it is no longer read. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#spool.release(this.#bytes);
    this.#closeIfUnused();
  }

  async #using<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#users++;
    try {
      return await work();
    } finally {
      this.#users--;
      this.#closeIfUnused();
    }
  }

  #closeIfUnused(): void {
    // The content is no longer needed, so an error of the close has no effect.
    if (this.#isReleased && this.#users === 0) this.#handle.close().catch(() => {});
  }
}
