import { withEnvFile } from '../config/env-file.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { type Command, exitCodes } from './io.ts';
import { version } from './version.ts';

/** The commands and what they are for; each is loaded when it is called, as most processes need one. */
const commands: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  start: { summary: 'run everything on this host', load: async () => (await import('./start.ts')).start },
  gateway: { summary: 'run one gateway worker', load: async () => (await import('./gateway.ts')).gateway },
  control: {
    summary: 'run control: health, metrics, admin API',
    load: async () => (await import('./control.ts')).control,
  },
  generator: { summary: 'run one generator', load: async () => (await import('./generator.ts')).generator },
  check: { summary: 'check the configuration', load: async () => (await import('./check.ts')).check },
  reload: {
    summary: 'under pm2: new gateway workers, if they would start',
    load: async () => (await import('./reload.ts')).reload,
  },
  simulate: {
    summary: 'compare balancers on a simulated fleet',
    load: async () => (await import('./simulate.ts')).simulate,
  },
  lab: { summary: 'measure capacity, and prove it', load: async () => (await import('./lab.ts')).lab },
  keys: { summary: 'create, list and revoke API keys', load: async () => (await import('./keys.ts')).keys },
};

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
    process.stderr.write(`rampart: there is no command '${name}'\n\n${usage}`);
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
