import { spawnSync } from 'node:child_process';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import type { Machine } from './run-record.ts';

export function machine(): Machine {
  const model = cpus()[0]?.model.trim() ?? 'processor';
  return {
    processors: `${availableParallelism()} × ${model}`,
    memoryGiB: totalmem() / 1024 ** 3,
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
  };
}

/** The commit of the sources, and whether they have been changed since; `unknown` where there is no git. */
export function commit(folder: string): string {
  const git = (...args: string[]): string =>
    spawnSync('git', args, { cwd: folder, encoding: 'utf8' }).stdout?.trim() ?? '';
  const hash = git('rev-parse', '--short=12', 'HEAD');
  if (hash === '') return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? hash : `${hash}, with changes`;
}
