import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** A folder on a file system of its own, which can be filled without harm to others. */
export interface SmallDisk {
  readonly folder: string;
  unmount(): void;
}

const SIZE = '16m';

/** Mounts a small file system in memory; undefined where that is not allowed. */
export function smallDisk(folder: string): SmallDisk | undefined {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=700`, 'tmpfs', folder]);
  if (status !== 0) return undefined;
  return { folder, unmount: () => void spawnSync('umount', [folder]) };
}
