import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { withEnvFile } from '../config/env-file.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { commands } from './commands.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { guess } from './options.ts';
import { terminalOutput, terminalText } from './terminal-text.ts';
import { version } from './version.ts';

// Where scripts/setup.mjs has put compiled modules (ADR 72): also for a process whose starter has not said so, such as a
// worker of pm2's cluster mode.
if (process.env['NODE_COMPILE_CACHE'] === undefined)
  enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/rampart-modules', import.meta.url)));

const usage = `rampart ${version}: a clustered gateway for CPU-heavy generators

usage: rampart <command> [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  .join('\n')}

  rampart <command> --help tells more. Settings come from the environment and rampart.config.ts.
`;

async function main(args: string[]): Promise<number> {
  // `rampart help status` is `rampart status --help`.
  const [name = '', ...rest] = args[0] === 'help' && args.length > 1 ? [...args.slice(1), '--help'] : args;
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version}\n`);
    return exitCodes.ok;
  }
  if (name === '' || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage);
    return name === '' ? exitCodes.usage : exitCodes.ok;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const kind = name.startsWith('-') ? 'option' : 'command';
    const known = kind === 'option' ? ['--help', '--version'] : Object.keys(commands);
    process.stderr.write(terminalText(`rampart: there is no ${kind} '${name}'${guess(name, known)}\n\n${usage}`));
    return exitCodes.usage;
  }
  const run = await command.load();
  const [stdout, stderr] = [process.stdout, process.stderr].map(terminalOutput) as [Output, Output];
  const folder = process.cwd();
  return run(rest, { stdout, stderr, drawing: drawing(), env: withEnvFile(process.env, folder), folder });
}

type Output = ReturnType<typeof terminalOutput>;

/** Some terminals do not tell their width. */
const USUAL_COLUMNS = 80;

function drawing(): CommandIo['drawing'] {
  const { stderr, env } = process;
  if (!stderr.isTTY || env['TERM'] === 'dumb') return undefined;
  return { columns: stderr.columns || USUAL_COLUMNS, write: (text) => stderr.write(text) };
}

/** The set-up script starts this process on behalf of npm; when the script has ended, this process stops too. */
if (process.env['RAMPART_WRAPPED'] === '1' && process.connected) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
// Child processes must not see the variable: their channels have another meaning.
delete process.env['RAMPART_WRAPPED'];

/** A reader that closes the pipe early (`| head`) is not an error. */
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

/** Resolves when the text is written, which may be after write() returns if stderr is a pipe or a file of pm2. */
const say = (text: string): Promise<void> =>
  new Promise((resolve) => void process.stderr.write(terminalText(`rampart: ${text}\n`), () => resolve()));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    await say([error.message, ...error.problems].join('\n  - '));
    process.exitCode = error.exitCode ?? exitCodes.usage;
  } else {
    await say(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
    process.exitCode = exitCodes.failed;
  }
}
// A pool or a socket that a command has left open must not keep the process alive after the command's end.
process.exit();
