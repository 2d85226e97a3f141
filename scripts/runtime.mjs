// Where the program is and which Node runs it: in a clone the TypeScript sources, in an installed package what npm pack has
// made of them. Plain JavaScript for Node >= 20, since it runs on the Node that the shell finds first.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const isClone = existsSync(join(root, 'src', 'cli', 'main.ts'));

/** A file of the program by its path in src, without its ending. */
export const programFile = (path) => join(root, isClone ? `src/${path}.ts` : `dist/${path}.js`);

/**
 * Where Node keeps the modules of this project as V8 has compiled them, types stripped: a process that finds them there
 * starts in half the time and takes a quarter less memory (docs/costs.md). In a folder that is not writable there is
 * none, which only costs time.
 */
export const moduleCache = join(root, 'node_modules', '.cache', 'rampart-modules');

/** The dynamic loader of glibc, which the packages of Node for Linux need. */
const loaders = { x64: '/lib64/ld-linux-x86-64.so.2', arm64: '/lib/ld-linux-aarch64.so.1' };
const runsHere = () => process.platform !== 'linux' || existsSync(loaders[process.arch] ?? '/');

/**
 * The Node of the npm package for this platform; else the one that runs this, if it is new enough. Throws an Error that
 * says what would work.
 */
export function findNode() {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const platform = `${process.platform}-${process.arch}`;
  const [name, pinned] = Object.entries(optionalDependencies).find(([each]) => each.endsWith(platform)) ?? [];
  const found = name === undefined || !runsHere() ? undefined : nodeOf(name);
  if (found !== undefined) return found;
  const wanted = pinned ?? Object.values(optionalDependencies).reduce((a, b) => (isAtLeast(a, b) ? a : b));
  if (isAtLeast(process.versions.node, wanted)) return process.execPath;
  throw new Error(
    `Cannot run Rampart, as it needs Node ${wanted} or newer: got ${process.versions.node}, and npm has installed none for ${platform}. Install Rampart with its optional dependencies (without --omit=optional; they are for glibc, not for musl), or run it with a newer Node`,
  );
}

function nodeOf(name) {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'node');
  } catch {
    return undefined;
  }
}

/** Compares versions such as 26.12.1 part by part. */
export function isAtLeast(version, wanted) {
  const parts = (text) => text.split('.').map((part) => Number.parseInt(part, 10));
  const [have, need] = [parts(version), parts(wanted)];
  const different = have.findIndex((part, index) => part !== need[index]);
  return different === -1 || have[different] > need[different];
}
