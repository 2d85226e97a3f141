import { constants, fstatSync, open, openSync, type Stats } from 'node:fs';
import { promisify } from 'node:util';

/** Stands for standard output where a path is asked for. */
export const STANDARD_OUTPUT = '-';

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
/**
 * Without O_NONBLOCK, opening a FIFO that nobody reads would wait for a reader, and so would a write to a full one. Each
 * write is appended, because several processes share the file.
 */
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK;
const MODE = 0o640;
/** Up to this size a write to a pipe is not mixed with those of other processes (POSIX PIPE_BUF, at least on Linux). */
const PIPE_PIECE_BYTES = 4096;
/** On a file, a whole piece is one write, so that lines of several processes do not mix. */
const FILE_PIECE_BYTES = 32 * 1024;

/** An open destination of lines. */
export interface LineOutput {
  readonly fd: number;
  /** The identity of the file, by which a rotation is noticed; undefined for standard output. */
  readonly identity: string | undefined;
  /** Largest write that the system does not mix with those of others. */
  readonly pieceBytes: number;
}

/** The identity of a file under its path: another one there means that the file was rotated. */
export const identityOf = ({ dev, ino }: Pick<Stats, 'dev' | 'ino'>): string => `${dev}:${ino}`;

/** Opens the destination: a path, or `-`. Throws the system's error. */
export function openOutput(target: string): LineOutput {
  if (target === STANDARD_OUTPUT) return openStandardOutput();
  return outputOf(openSync(target, FLAGS, MODE));
}

const openAsync = promisify(open);

/** The same without blocking the event loop: a path on a slow disk. */
export async function reopenOutput(path: string): Promise<LineOutput> {
  return outputOf(await openAsync(path, FLAGS, MODE));
}

function outputOf(fd: number): LineOutput {
  const stats = fstatSync(fd);
  const pieceBytes = stats.isFIFO() ? PIPE_PIECE_BYTES : FILE_PIECE_BYTES;
  return { fd, identity: identityOf(stats), pieceBytes };
}

/**
 * A pipe or terminal is opened anew, because O_NONBLOCK on descriptor 1 itself would hold for every process that shares
 * it. A file must not be opened anew: its position is shared with all that write to descriptor 1.
 */
function openStandardOutput(): LineOutput {
  const stats = fstatSync(1);
  if (stats.isFIFO() || stats.isCharacterDevice()) {
    try {
      const fd = openSync('/proc/self/fd/1', O_WRONLY | O_NONBLOCK);
      return { fd, identity: undefined, pieceBytes: PIPE_PIECE_BYTES };
    } catch {
      // Without /proc, or where the terminal belongs to somebody else, descriptor 1 itself has to do.
    }
  }
  return { fd: 1, identity: undefined, pieceBytes: stats.isFile() ? FILE_PIECE_BYTES : PIPE_PIECE_BYTES };
}
