import {
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  type BrotliCompress,
  type Gzip,
  type ZstdCompress,
} from 'node:zlib';
import type { Encoding } from '../../policy/compression/accept-encoding.ts';
import type { CompressionRules } from '../../policy/compression/compressible.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Counter, Family } from '../../metrics/instruments.ts';

/**
 * Compressions under way in a worker: each holds about half a megabyte, and takes turns in the threads that DNS and disk
 * need, too. Above this, replies are sent as they are.
 */
const MAX_UNDERWAY = 64;

export type CompressionStream = Gzip | BrotliCompress | ZstdCompress;

/** Levels that cost little: for text they take off most of what the highest would. */
const makers: Readonly<Record<Encoding, () => CompressionStream>> = {
  gzip: () => createGzip({ level: 5 }),
  br: () =>
    createBrotliCompress({
      params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 18 },
    }),
  zstd: () =>
    createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: 18 } }),
};

/** Bytes before and after compression. */
export type CompressionBytes = Family<Counter>;

/** The compressions of a worker, of which there are only so many at a time. */
export class Compressions {
  readonly bugs: Bugs;
  readonly #bytes: CompressionBytes;
  #underway = 0;

  constructor(bugs: Bugs, bytes: CompressionBytes) {
    this.bugs = bugs;
    this.#bytes = bytes;
  }

  /** Undefined if too many are under way. `close` must be called at its end. */
  open(encoding: Encoding): CompressionStream | undefined {
    if (this.#underway >= MAX_UNDERWAY) return undefined;
    this.#underway++;
    return makers[encoding]();
  }

  close(encoding: Encoding, { bytesWritten }: CompressionStream, sent: number): void {
    this.#underway--;
    this.#bytes.of(encoding, 'before').add(bytesWritten);
    this.#bytes.of(encoding, 'after').add(sent);
  }
}

/** How the replies of a route are compressed. */
export interface RouteCompression {
  readonly rules: CompressionRules;
  readonly isType: (contentType: string) => boolean;
  readonly compressions: Compressions;
}
