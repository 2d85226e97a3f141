import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { arePortsFree } from '../../src/core/free-ports.ts';

/** Below the range from which the system hands out ports to connections. */
const LOWEST = 20_000;
const HIGHEST = 30_000;
const BLOCK = 20;

/** A test file owns blocks of ports while its process runs: between the look at a port and its use no other file may take it. */
const folder = join(tmpdir(), `rampart-test-ports-${userInfo().uid}`);
const owned: string[] = [];
let next = 0;
let end = 0;

/** The first of `count` consecutive ports that were free a moment ago; each is handed out once. */
export async function freePorts(count: number): Promise<number> {
  if (count > BLOCK) throw new RangeError(`A test gets ${BLOCK} ports in a row at most: got ${count}`);
  for (;;) {
    if (next + count > end) {
      next = takeBlock();
      end = next + BLOCK;
    }
    const first = next;
    next += count;
    if (await arePortsFree(first, count)) return first;
  }
}

function takeBlock(): number {
  if (owned.length === 0) process.once('exit', () => owned.forEach((file) => rmSync(file, { force: true })));
  mkdirSync(folder, { recursive: true });
  const blocks = (HIGHEST - LOWEST) / BLOCK;
  for (let index = 0; index < blocks; index++) {
    const first = LOWEST + ((process.pid + index) % blocks) * BLOCK;
    const file = join(folder, String(first));
    if (!claim(file)) continue;
    owned.push(file);
    return first;
  }
  throw new Error(`All ${blocks} blocks of ports are taken by other test files: see ${folder}`);
}

/** Makes the file, which only one process can. A file of a process that was killed is removed, and its block is left for the next one. */
function claim(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  if (!isRunning(file)) rmSync(file, { force: true });
  return false;
}

function isRunning(file: string): boolean {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
    return true;
  } catch {
    return false;
  }
}
