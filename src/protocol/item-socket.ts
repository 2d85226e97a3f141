import { join } from 'node:path';

// Batch workers reach gateway workers through these sockets. The folder that they are in can be entered by this user only, so
// whoever can connect may say for which key it asks.

/** The file name of a gateway worker's socket for items of batches. */
export const itemSocketName = (pid: number): string => `items-${pid}.sock`;

export const isItemSocket = (name: string): boolean => itemSocketPid(name) !== undefined;

/** The process that a socket's file name tells; undefined for another file. */
export function itemSocketPid(name: string): number | undefined {
  const digits = /^items-(\d+)\.sock$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The path of a socket in the run folder. */
export const itemSocketPath = (runFolder: string, name: string): string => join(runFolder, name);
