import { close, closeSync, stat, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Clock, Timer } from './clock.ts';
import { codeOf } from './errors.ts';
import { identityOf, type LineOutput, openOutput, reopenOutput, STANDARD_OUTPUT } from './line-output.ts';

/** The most that waits in memory for a slow or absent reader. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** Lines wait this long for others to share their write, so `kill -9` loses no more than this. */
const FLUSH_MS = 200;
/** How often a moved file is looked for, and a destination that failed is tried again. */
const WATCH_MS = 1000;
/** When a pipe is full, how soon it is tried again. */
const FULL_PIPE_MS = 50;
/** The size of a piece before anything could be opened. */
const SMALLEST_PIECE_BYTES = 4096;
/** How long the last lines may take at the end. */
const CLOSE_LIMIT_MS = 2000;

const writeTo = promisify(write);
const closeFd = promisify(close);
const statOf = promisify(stat);

/** Whole lines that are written together. */
interface Piece {
  readonly bytes: Buffer;
  readonly lines: number;
  /** Bytes of it that the system has taken. */
  taken: number;
}

/** The calls to the system that a LineFile makes, so that a test can let them fail. */
export interface LineSystem {
  open(target: string): LineOutput;
  reopen(path: string): Promise<LineOutput>;
  write(fd: number, bytes: Buffer, from: number): Promise<number>;
  writeNow(fd: number, bytes: Buffer, from: number): number;
  identityAt(path: string): Promise<string>;
  close(fd: number): Promise<void>;
  closeNow(fd: number): void;
}

const realSystem: LineSystem = {
  open: openOutput,
  reopen: reopenOutput,
  write: async (fd, bytes, from) => (await writeTo(fd, bytes, from, bytes.length - from, null)).bytesWritten,
  writeNow: (fd, bytes, from) => writeSync(fd, bytes, from, bytes.length - from, null),
  identityAt: async (path) => identityOf(await statOf(path)),
  close: closeFd,
  closeNow: closeSync,
};

export interface LineFileOptions {
  /** A path, or `-` for standard output. */
  readonly target: string;
  readonly clock: Clock;
  readonly system?: LineSystem;
  readonly maxWaitingBytes?: number;
  /** Lines that the system has taken whole. */
  readonly onWritten?: (lines: number) => void;
  /** Lines that are lost, because the destination is full or absent and so is the memory for them. */
  readonly onDropped?: (lines: number) => void;
  /** The destination has failed; called once until it works again. */
  readonly onFailure?: (error: unknown) => void;
}

/**
 * A destination of lines that neither blocks the process nor grows its memory: a file, which is opened again when
 * another one stands under its path, a FIFO or standard output. When it cannot take more, lines wait in bounded memory,
 * and further ones are dropped and counted. (sonic-boom would do the same for a file, but it opens a FIFO so that a
 * thread hangs, and does not count lines: ADR 85.)
 */
export class LineFile {
  readonly #options: LineFileOptions;
  readonly #system: LineSystem;
  readonly #maxWaitingBytes: number;
  #output: LineOutput | undefined;
  /** Lines that are not yet a piece. */
  #lines: string[] = [];
  #length = 0;
  readonly #pieces: Piece[] = [];
  #waitingBytes = 0;
  #isWriting = false;
  #isFailing = false;
  /** Nothing could be opened where another file should be. */
  #isUnreachable = false;
  #isClosed = false;
  #flushTimer: Timer | undefined;
  #retryTimer: Timer | undefined;
  #watchTimer: Timer | undefined;
  /** An output that takes the place of the present one between two writes. */
  #next: LineOutput | undefined;

  private constructor(options: LineFileOptions) {
    this.#options = options;
    this.#system = options.system ?? realSystem;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? MAX_WAITING_BYTES;
  }

  /** Throws the system's error if nothing can be opened there. A FIFO without a reader is waited for. */
  static open(options: LineFileOptions): LineFile {
    const file = new LineFile(options);
    try {
      file.#output = file.#system.open(options.target);
    } catch (error) {
      if (codeOf(error) !== 'ENXIO') throw error;
    }
    if (options.target !== STANDARD_OUTPUT) file.#watch();
    return file;
  }

  /** Bytes that wait in memory. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Takes a line, which ends with a line feed. */
  write(line: string): void {
    if (this.#isClosed || this.#waitingBytes + line.length > this.#maxWaitingBytes) {
      this.#options.onDropped?.(1);
      return;
    }
    if (this.#length > 0 && this.#length + line.length > (this.#output?.pieceBytes ?? SMALLEST_PIECE_BYTES))
      this.#flush();
    this.#lines.push(line);
    this.#length += line.length;
    this.#waitingBytes += line.length;
    this.#flushTimer ??= this.#options.clock.setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** Writes what waits at once where that does not block: for the log of a process that may end at any moment. */
  writeNow(): void {
    this.#seal();
    if (this.#isWriting || this.#output === undefined) return;
    try {
      while (this.#pieces[0] !== undefined)
        this.#took(this.#system.writeNow(this.#output.fd, this.#pieces[0].bytes, this.#pieces[0].taken));
      this.#isFailing = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Writes what waits, for two seconds at most; what is left is dropped. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#watchTimer?.cancel();
    this.#flush();
    const { clock } = this.#options;
    const endsAt = clock.now() + CLOSE_LIMIT_MS;
    while (this.#pieces.length > 0 && clock.now() < endsAt)
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, 10));
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    for (const { bytes, taken } of this.#pieces.splice(0)) this.#options.onDropped?.(linesFrom(bytes, taken));
    const { fd } = this.#output ?? { fd: 1 };
    this.#output = undefined;
    if (fd !== 1) await this.#system.close(fd);
  }

  #seal(): void {
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    if (this.#lines.length === 0) return;
    // Joined, because a text that grows line by line would be a tree, and costs twice as much to encode.
    const bytes = Buffer.from(this.#lines.join(''));
    this.#waitingBytes += bytes.length - this.#length;
    this.#pieces.push({ bytes, lines: this.#lines.length, taken: 0 });
    this.#lines = [];
    this.#length = 0;
  }

  #flush(): void {
    this.#seal();
    if (!this.#isWriting && this.#retryTimer === undefined) void this.#writePieces();
  }

  async #writePieces(): Promise<void> {
    this.#isWriting = true;
    try {
      this.#replaceOutput();
      while (this.#output !== undefined && this.#pieces[0] !== undefined) {
        const piece = this.#pieces[0];
        this.#took(await this.#system.write(this.#output.fd, piece.bytes, piece.taken));
        this.#isFailing = false;
        this.#replaceOutput();
      }
      this.#isWriting = false;
    } catch (error) {
      this.#isWriting = false;
      this.#failed(error);
    }
  }

  /** The system has taken these bytes of the first piece. */
  #took(bytes: number): void {
    const piece = this.#pieces[0] as Piece;
    piece.taken += bytes;
    if (piece.taken < piece.bytes.length) return;
    this.#pieces.shift();
    this.#waitingBytes -= piece.bytes.length;
    this.#options.onWritten?.(piece.lines);
  }

  #failed(error: unknown): void {
    const isFull = codeOf(error) === 'EAGAIN';
    if (!isFull && !this.#isFailing) {
      this.#isFailing = true;
      this.#options.onFailure?.(error);
    }
    if (this.#isClosed) return;
    this.#retryTimer ??= this.#options.clock.setTimeout(
      () => {
        this.#retryTimer = undefined;
        this.#flush();
      },
      isFull ? FULL_PIPE_MS : WATCH_MS,
    );
  }

  #watch(): void {
    this.#watchTimer = this.#options.clock.setTimeout(
      () => void this.#look().finally(() => this.#isClosed || this.#watch()),
      WATCH_MS,
    );
  }

  /** Opens the path again if the file there is not the one that is open. */
  async #look(): Promise<void> {
    const { target } = this.#options;
    try {
      const there = await this.#system.identityAt(target).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      });
      if (this.#output !== undefined && there === this.#output.identity) return;
      const opened = await this.#system.reopen(target);
      this.#isUnreachable = false;
      if (this.#isClosed) await this.#system.close(opened.fd);
      else this.#next = opened;
      if (!this.#isWriting) this.#flush();
    } catch (error) {
      // A FIFO without a reader is nothing to report, and the present file goes on.
      if (codeOf(error) === 'ENXIO' || this.#isUnreachable) return;
      this.#isUnreachable = true;
      this.#options.onFailure?.(error);
    }
  }

  /** Between two writes. The rest of a line whose beginning is in the old file must not begin the new one. */
  #replaceOutput(): void {
    const next = this.#next;
    if (next === undefined) return;
    this.#next = undefined;
    const old = this.#output;
    this.#output = next;
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    this.#isFailing = false;
    if (old !== undefined) this.#system.closeNow(old.fd);
    const piece = this.#pieces[0];
    if (piece === undefined || piece.taken === 0) return;
    const rest = piece.bytes.indexOf(0x0a, piece.taken - 1) + 1;
    const isBroken = piece.bytes[piece.taken - 1] !== 0x0a;
    const lines = linesFrom(piece.bytes, rest);
    this.#options.onWritten?.(piece.lines - lines - (isBroken ? 1 : 0));
    if (isBroken) this.#options.onDropped?.(1);
    this.#waitingBytes -= rest;
    if (lines === 0) this.#pieces.shift();
    else this.#pieces[0] = { bytes: piece.bytes.subarray(rest), lines, taken: 0 };
  }
}

/** Lines that end in these bytes behind a position. */
function linesFrom(bytes: Buffer, position: number): number {
  let lines = 0;
  for (let at = bytes.indexOf(0x0a, position); at !== -1; at = bytes.indexOf(0x0a, at + 1)) lines++;
  return lines;
}
