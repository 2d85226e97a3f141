import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Unix socket's path has at most 107 bytes on Linux and 103 on macOS; this leaves room for the file's name. */
const LONGEST_FOLDER_BYTES = 80;

/**
 * The folder of the sockets and process records of a data directory: within it, or, if its path is too long for a
 * socket, in a folder of this user under the system's temporary folder.
 */
export function runFolder(dataDir: string): string {
  const folder = join(dataDir, 'run');
  if (Buffer.byteLength(folder) <= LONGEST_FOLDER_BYTES) return folder;
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `rampart-${process.getuid?.() ?? 0}-${hash}`);
}
