// node scripts/with-setup.mjs <entry.ts> [arguments]: sets up what is missing, then runs the entry on the pinned Node.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { constants } from 'node:os';
import { moduleCache, pinnedNode, root, setUp } from './setup.mjs';

/** Runs an entry of the project as if it were this process: same terminal, same signals, same exit code. */
export function runEntry(entry, args) {
  try {
    setUp();
  } catch (error) {
    console.error(`rampart: ${error.message}`);
    process.exit(2);
  }
  const file = resolve(root, entry);
  // For this process and its children.
  const env = { NODE_COMPILE_CACHE: moduleCache, ...process.env };
  // Replaces this process, so that a signal to it reaches the entry. Older Nodes cannot do this.
  if (process.execve !== undefined) process.execve(pinnedNode, [pinnedNode, file, ...args], env);
  // The channel closes when this process ends for any reason; then the entry stops, too.
  const child = spawn(pinnedNode, [file, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...env, RAMPART_WRAPPED: '1' },
  });
  // A terminal sends Ctrl-C to the whole group, so the child gets it directly; a signal of a service manager reaches
  // only this process.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`rampart: cannot start ${pinnedNode}: ${error.message}`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
}

const [entry, ...args] = process.argv.slice(2);
if (process.argv[1]?.endsWith('with-setup.mjs')) {
  if (entry === undefined) {
    console.error('usage: node scripts/with-setup.mjs <entry.ts> [arguments]');
    process.exit(2);
  }
  runEntry(entry, args);
}
