import { spawnSync } from 'node:child_process';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { sep } from 'node:path';
import { isOnThisMachine } from '../system/local-target.ts';
import type { System } from '../system/system.ts';
import { type Machine, NOT_KNOWN, type RunRecord } from './run-record.ts';

/**
 * Which target was measured, and what it is: of the lab's own systems the builds that were started, of one that somebody
 * runs what can be known from here.
 */
export function provenanceOf(
  systems: readonly System[],
  own: { readonly commits: readonly string[]; readonly version: string },
): Pick<RunRecord, 'target' | 'commit' | 'version' | 'machine'> {
  const running = [...new Set(systems.filter(({ isOwn = true }) => !isOwn).map(({ url }) => url))];
  if (running.length === 0) {
    const target = `a Rampart of the lab's own`;
    return { target, commit: own.commits.join(' and '), version: own.version, machine: machine() };
  }
  const said = (of: 'version' | 'node'): string =>
    [...new Set(systems.flatMap(({ about }) => about?.[of] ?? []))].join(' and ') || NOT_KNOWN;
  const here = running.every(isOnThisMachine) ? machine() : undefined;
  return {
    target: running.join(' and '),
    commit: NOT_KNOWN,
    version: said('version'),
    machine: {
      processors: here?.processors ?? NOT_KNOWN,
      memoryGiB: here?.memoryGiB ?? Number.NaN,
      system: here?.system ?? NOT_KNOWN,
      node: said('node'),
    },
  };
}

export function machine(): Machine {
  const model = cpus()[0]?.model.trim() ?? 'processor';
  return {
    processors: `${availableParallelism()} × ${model}`,
    memoryGiB: totalmem() / 1024 ** 3,
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
  };
}

/** The commit of the sources, and whether they have been changed since; `unknown` where there is no git, or another's. */
export function commit(folder: string): string {
  const git = (...args: string[]): string =>
    spawnSync('git', args, { cwd: folder, encoding: 'utf8' }).stdout?.trim() ?? '';
  // An installed package may lie in somebody else's repository, whose commit says nothing about it.
  if (folder.split(sep).includes('node_modules')) return 'unknown';
  const hash = git('rev-parse', '--short=12', 'HEAD');
  if (hash === '') return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? hash : `${hash}, with changes`;
}
