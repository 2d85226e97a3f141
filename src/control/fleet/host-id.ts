import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

const FILE = 'host-id';
const wellFormed = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * The name of this host in its fleet: that of the machine with a random part, which stays the same in one data folder.
 * A clone of a machine needs another name, because of two processes with one name only the newer one gets permits.
 */
export function hostId(folder: string, warn: (message: string, details: Record<string, unknown>) => void): string {
  const path = join(folder, FILE);
  const known = read(path);
  if (known !== undefined && wellFormed.test(known)) return known;
  const name = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 100);
  const id = `${name}-${randomBytes(4).toString('hex')}`;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, `${id}\n`, { mode: 0o644 });
  } catch (error) {
    // The book keeps the floor of this name until the host is forgotten.
    warn('the name of this host in its fleet cannot be written down: the next control has another one', { err: error });
  }
  return id;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
