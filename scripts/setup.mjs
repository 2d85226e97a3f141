// Brings a fresh clone into working order, once: packages, the pinned Node, the Prisma client.
// Plain JavaScript for Node >= 20, since it runs before the pinned Node is there.
// Idempotent: a stamp in node_modules holds the hash of everything that it depends on.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { moduleCache, root } from './runtime.mjs';

export { root };

const stampFile = join(root, 'node_modules', '.rampart-setup');
const lockFolder = join(root, '.setup-lock');
const inputs = ['package.json', 'package-lock.json', 'prisma/schema.prisma', 'prisma.config.ts', 'scripts/setup.mjs'];
/** A set-up that holds the lock for longer than this counts as dead, even if another process has its id by now. */
const LOCK_STALE_MS = 10 * 60_000;
/** A holder writes its id into the lock at once; a lock without an id for this long counts as abandoned. */
const UNSIGNED_STALE_MS = 5_000;

/** The pinned Node of this project: the runtime of everything but this set-up. */
export const pinnedNode = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');

/** The fields that decide what npm installs, because a changed script or version of ours needs no set-up. */
function dependenciesIn(file) {
  const { dependencies, devDependencies, optionalDependencies, overrides } = JSON.parse(readFileSync(file, 'utf8'));
  return JSON.stringify({ dependencies, devDependencies, optionalDependencies, overrides });
}

function wantedStamp() {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const name of inputs) {
    const file = join(root, name);
    if (existsSync(file)) hash.update(name).update(name === 'package.json' ? dependenciesIn(file) : readFileSync(file));
  }
  return hash.digest('hex');
}

function isDone() {
  return existsSync(pinnedNode) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wantedStamp();
}

function run(what, command, args, env = {}) {
  // Standard output belongs to the command that is set up for (`rampart keys list --json` must stay JSON).
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], env: { ...process.env, ...env } });
  if (result.error) throw new Error(`Cannot ${what}, as ${command} does not start: ${result.error.message}`);
  if (result.status !== 0)
    throw new Error(`Cannot ${what}: ${command} ${args.join(' ')} ended with ${result.status ?? result.signal}`);
}

/**
 * The holder of the lock as `pid@host`, because a process id means nothing on another machine; '' if there is no id
 * yet.
 */
function lockHolder(folder) {
  try {
    return readFileSync(join(folder, 'holder'), 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

function isStale(folder, holder) {
  const heldSince = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
  if (heldSince === undefined) return false;
  const heldMs = Date.now() - heldSince;
  const [pid, host] = holder.split('@');
  if (holder === '') return heldMs > UNSIGNED_STALE_MS;
  return heldMs > LOCK_STALE_MS || (host === hostname() && !isAlive(Number(pid)));
}

/**
 * The lock is moved before it is removed. If two processes find it stale, only one can move it, and neither removes a
 * lock that the other has taken.
 */
function removeStale(folder, holder) {
  const grave = `${folder}-${holder || 'unsigned'}`;
  try {
    renameSync(folder, grave);
  } catch {
    return;
  }
  rmSync(grave, { recursive: true, force: true });
}

export function takeLock(folder = lockFolder) {
  const deadline = Date.now() + LOCK_STALE_MS;
  let hasSaid = false;
  for (;;) {
    try {
      mkdirSync(folder);
      writeFileSync(join(folder, 'holder'), `${process.pid}@${hostname()}`);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') {
        throw new Error(`Cannot set up in ${root}: ${error.message}. The folder must be writable for the first run.`, {
          cause: error,
        });
      }
    }
    const holder = lockHolder(folder);
    if (isStale(folder, holder)) {
      removeStale(folder, holder);
      continue;
    }
    if (Date.now() > deadline)
      throw new Error(`Cannot set up: ${folder} is held by another set-up. If none is running, remove it.`);
    if (!hasSaid) console.error(`rampart: waiting for another set-up to end (${holder || 'it has just begun'})`);
    hasSaid = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

/** Installs what is missing; returns at once when nothing has changed. */
export function setUp() {
  if (isDone()) return;
  takeLock();
  try {
    if (isDone()) return;
    console.error('rampart: setting up (once, about a minute)');
    run(
      'install the packages',
      'npm',
      ['ci', '--include=dev', '--include=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      {
        NODE_ENV: 'development',
      },
    );
    if (!existsSync(pinnedNode)) {
      throw new Error(
        `Cannot set up: npm has installed no Node for ${process.platform}-${process.arch}; package.json names the platforms under optionalDependencies`,
      );
    }
    generatePrismaClient();
    compileModules();
    writeFileSync(stampFile, wantedStamp());
  } finally {
    rmSync(lockFolder, { recursive: true, force: true });
  }
}

/** `prisma generate` asks for the schema engine and never runs it: any executable stands in, so nothing is downloaded. */
function generatePrismaClient() {
  run(
    'generate the Prisma client',
    pinnedNode,
    [join(root, 'node_modules', 'prisma', 'build', 'index.js'), 'generate', '--no-hints'],
    {
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  );
}

/**
 * Fills the module cache. If the code changes later, each process updates the cache when it ends. Without the cache,
 * processes only start more slowly. A source that does not compile therefore does not stop commands that never load it.
 */
export function compileModules(script = join(root, 'scripts', 'compile-modules.mjs'), node = pinnedNode) {
  try {
    run('compile the modules', node, [script], { NODE_COMPILE_CACHE: moduleCache });
  } catch (error) {
    console.error(`rampart: ${error.message}. Processes start more slowly until they have compiled them themselves`);
  }
}
