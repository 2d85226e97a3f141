import { fleetProblem, fleetTools, startEnclosed } from '../test/fleet/enclosure.ts';
import { ensurePrograms } from './test-tools.ts';

/** Runs a script again with the same arguments in namespaces of its own, and takes over its exit code; 2 if the machine has no namespaces. */
export function runEnclosed(script: string): void {
  ensurePrograms(fleetTools);
  const problem = fleetProblem();
  if (problem === undefined) {
    const child = startEnclosed(script, process.argv.slice(2));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGKILL'));
    child.on('exit', (code) => process.exit(code ?? 130));
  } else {
    console.error(`fleet: ${problem}`);
    process.exitCode = 2;
  }
}
