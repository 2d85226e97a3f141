import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { moduleCache } from './runtime.mjs';

/** Runs a file on this Node as if it were this process: same terminal, same signals, same exit code. */
export function runNode(node, file, args) {
  // For this process and its children.
  const env = { NODE_COMPILE_CACHE: moduleCache, ...process.env };
  // Replaces this process, so that a signal to it reaches the entry. Older Nodes cannot do this.
  if (process.execve !== undefined) process.execve(node, [node, file, ...args], env);
  // The channel closes when this process ends for any reason; then the entry stops, too.
  const child = spawn(node, [file, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...env, RAMPART_WRAPPED: '1' },
  });
  // A terminal sends Ctrl-C to the whole group, so the child gets it directly; a signal of a service manager reaches
  // only this process.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`rampart: cannot start ${node}: ${error.message}`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
}
