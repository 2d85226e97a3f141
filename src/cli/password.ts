import { hashPassword } from '../core/password-hash.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';

const help = `usage: rampart password < FILE

Reads a password from standard input and prints its hash, for basic.users of the configuration file:

  printf %s 'the password' | rampart password
`;

const MOST_BYTES = 1024;

/** `rampart password`. */
export async function password(args: string[], io: CommandIo): Promise<number> {
  if (readOptions({ command: 'password', help }, args, io) === undefined) return exitCodes.ok;
  if (process.stdin.isTTY) io.stderr.write('rampart: type the password, then Ctrl-D; it will be visible\n');
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (text === '' || Buffer.byteLength(text) > MOST_BYTES) {
    io.stderr.write(`rampart: Cannot make a hash as the password must have 1 to ${MOST_BYTES} bytes\n`);
    return exitCodes.usage;
  }
  io.stdout.write(`${await hashPassword(text)}\n`);
  return exitCodes.ok;
}
