import { readFileSync } from 'node:fs';

/** Descriptors for files, the database, control and the process itself. */
const RESERVED_DESCRIPTORS = 64;
const SMALLEST_LIMIT = 16;

/**
 * The number of client connections that this many descriptors allow: each may need a second descriptor, for a backend
 * or the spool.
 */
export function connectionsFor(descriptors: number | undefined, backendConnections: number): number | undefined {
  if (descriptors === undefined) return undefined;
  const left = descriptors - RESERVED_DESCRIPTORS;
  return Math.max(SMALLEST_LIMIT, left - Math.min(backendConnections, Math.floor(left / 2)));
}

/** The soft limit of this process; undefined if the system does not report it. */
export function descriptorLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
