import { open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { Header } from 'tar';
import { codeOf } from '../../core/errors.ts';

const BLOCK = 512;
const CHUNK_BYTES = 256 * 1024;

/** Writes a tar archive (POSIX.1-2001 ustar) of files that may change meanwhile. */
export class ArchiveWriter {
  readonly #out: Writable;
  readonly #wallMs: number;
  files = 0;

  /** `wallMs`: the time that all entries carry. */
  constructor(out: Writable, wallMs: number) {
    this.#out = out;
    this.#wallMs = wallMs;
  }

  async directory(path: string): Promise<void> {
    await this.#header(path, 0, 'Directory', 0o700);
  }

  async text(path: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await this.#header(path, bytes.length, 'File', 0o600);
    await this.#write(bytes);
    await this.#pad(bytes.length);
    this.files++;
  }

  /**
   * Adds as many bytes as the file has now: PostgreSQL may lengthen or shorten it meanwhile, which its recovery mends. A
   * file that has been removed is left out.
   */
  async file(path: string, source: string): Promise<void> {
    const handle = await open(source, 'r').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (handle === undefined) return;
    try {
      const { size } = await handle.stat();
      await this.#header(path, size, 'File', 0o600);
      for (let at = 0; at < size;) {
        const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
        const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
        // Zeros stand for what a file has lost.
        await this.#write(bytesRead === 0 ? chunk : chunk.subarray(0, bytesRead));
        at += bytesRead === 0 ? chunk.length : bytesRead;
      }
      await this.#pad(size);
      this.files++;
    } finally {
      await handle.close();
    }
  }

  /** Two empty blocks end an archive. */
  async end(): Promise<void> {
    await this.#write(Buffer.alloc(2 * BLOCK));
  }

  async #header(path: string, size: number, type: 'File' | 'Directory', mode: number): Promise<void> {
    const header = new Header({ path, size, type, mode, mtime: new Date(this.#wallMs), uid: 0, gid: 0 });
    const block = Buffer.alloc(BLOCK);
    if (header.encode(block, 0)) throw new Error(`The path ${path} is too long for an archive`);
    await this.#write(block);
  }

  #pad(size: number): Promise<void> {
    return this.#write(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK));
  }

  async #write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    await new Promise<void>((resolve, reject) => {
      this.#out.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }
}
