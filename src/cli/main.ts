import { withEnvFile } from '../config/env-file.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { commands } from './commands.ts';
import { exitCodes } from './io.ts';
import { guess } from './options.ts';
import { version } from './version.ts';

const usage = `rampart ${version}: a clustered gateway for CPU-heavy generators

usage: rampart <command> [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  .join('\n')}

  rampart <command> --help tells more. Settings come from the environment and rampart.config.ts.
`;

async function main(args: string[]): Promise<number> {
  const [name = '', ...rest] = args;
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
    process.stderr.write(`rampart: there is no command '${name}'${guess(name, Object.keys(commands))}\n\n${usage}`);
    return exitCodes.usage;
  }
  const run = await command.load();
  const { stdout, stderr } = process;
  const folder = process.cwd();
  return run(rest, { stdout, stderr, env: withEnvFile(process.env, folder), folder });
}

/** The set-up that started this process and stands between it and npm: when that is gone, this is to stop. */
if (process.env['RAMPART_WRAPPED'] === '1' && process.connected) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
// The processes that this one starts have channels of their own, which mean something else.
delete process.env['RAMPART_WRAPPED'];

/** A reader that closes early (`| head`) is no fault of ours. */
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

/** Resolves when it is written: to a pipe, or to a file in pm2's hands, it is not yet when write() returns. */
const say = (text: string): Promise<void> =>
  new Promise((resolve) => void process.stderr.write(`rampart: ${text}\n`, () => resolve()));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    await say([error.message, ...error.problems].join('\n  - '));
    process.exitCode = exitCodes.usage;
  } else {
    await say(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
    process.exitCode = exitCodes.failed;
  }
}
// What a command has left open (a pool, a socket) must not keep the process: it has said all it had to say.
process.exit();
