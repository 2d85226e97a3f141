// npm run newest-node: whether npm has a newer Node 26 for a platform than the one that package.json pins. Exit code 1: it has.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.ts';

const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  optionalDependencies: Record<string, string>;
};
const numbers = (version: string): number[] => version.split('.').map(Number);

function isNewer(left: string, right: string): boolean {
  const [a, b] = [numbers(left), numbers(right)];
  const index = a.findIndex((part, at) => part !== b[at]);
  return index !== -1 && (a[index] as number) > (b[index] as number);
}

for (const [name, pinned] of Object.entries(optionalDependencies)) {
  const [major] = numbers(pinned);
  const listed = JSON.parse(
    execFileSync('npm', ['view', name, 'versions', '--json'], { encoding: 'utf8' }),
  ) as string[];
  const released = listed.filter((version) => /^\d+\.\d+\.\d+$/.test(version) && numbers(version)[0] === major);
  const newest = released.reduce((best, version) => (isNewer(version, best) ? version : best), pinned);
  console.log(newest === pinned ? `${name} ${pinned} is the newest` : `${name} ${pinned}: npm has ${newest}`);
  if (newest !== pinned) process.exitCode = 1;
}
