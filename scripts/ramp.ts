// npm run ramp: load that grows step by step against Rampart, on this machine or, with --url and --key-file, wherever it
// runs. The key is read from a file, so that it lands neither in the repository nor in a shell's history.
import { lab } from '../src/cli/lab.ts';

const { stdout, stderr, env } = process;
process.exit(await lab(['ramp', ...process.argv.slice(2)], { stdout, stderr, env, folder: process.cwd() }));
