import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CommandResult } from './stack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const { takeLock } = (await import(join(root, 'scripts', 'setup.mjs'))) as { takeLock(folder: string): void };

/** Packs Rampart as users do; the packed file. One test at a time, because dist/ is that of the clone. */
export function packRampart(folder: string): string {
  const lock = join(root, 'node_modules', '.pack-lock');
  takeLock(lock);
  try {
    execFileSync('npm', ['pack', '--loglevel=error', '--pack-destination', folder], { cwd: root, stdio: 'pipe' });
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
  const file = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (file === undefined) throw new Error('npm pack has packed nothing');
  return join(folder, file);
}

/**
 * Puts the packed file into the node_modules of a folder, with links to its dependencies: what npm install does, but
 * for a third of a gigabyte and a registry. Only packages that npm would install for it are linked.
 */
export function installPacked(packed: string, folder: string): void {
  const modules = join(folder, 'node_modules');
  const target = join(modules, 'rampart');
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', packed, '-C', target, '--strip-components=1']);
  const lock = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: true; devOptional?: true }>;
  };
  for (const [path, { dev, devOptional }] of Object.entries(lock.packages)) {
    const name = path.slice('node_modules/'.length);
    if (dev || devOptional || name.includes('node_modules/')) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, path), join(modules, name));
  }
}

/** A new folder of an ordinary user's, with a space in its path. */
export function appFolder(): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'rampart-installed-')), 'my app');
  mkdirSync(folder);
  return folder;
}

/** The `rampart` command of the package that is installed in the folder. */
export function spawnInstalled(folder: string, args: readonly string[], env: Record<string, string>): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  const bin = join(folder, 'node_modules', 'rampart', 'scripts', 'rampart.mjs');
  return spawn(process.execPath, [bin, ...args], {
    cwd: folder,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs a command of the installed package to its end. */
export function runInstalled(
  folder: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const child = spawnInstalled(folder, args, env);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => void child.on('close', (code) => resolve({ code, stdout, stderr })));
}
