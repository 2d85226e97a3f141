import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DEFAULT_FILE } from '../config/file.ts';
import { codeOf, messageOf, UsageError } from '../core/errors.ts';
import { initialFile } from './initial-file.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';

const help = `usage: rampart init [PORT]

Writes a configuration for the application that listens on 127.0.0.1:PORT (3000): ${DEFAULT_FILE} in this folder, or the
file that RAMPART_CONFIG names. Further settings stand in it as comments. A file that is there is left alone.
`;

/** `rampart init`. */
export async function init(args: string[], io: CommandIo): Promise<number> {
  const operands = { least: 0, most: 1, what: 'the port of an application, if it is not 3000' };
  const options = readOptions({ command: 'init', help, operands }, args, io);
  if (options === undefined) return exitCodes.ok;
  const [text = '3000'] = options.operands;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    options.problem(`the port of the application must be a whole number from 1 to 65535: got '${text}'`);
  const own = io.env['PORT'] || '8080';
  if (String(port) === own)
    options.problem(
      `the application must listen on another port than Rampart itself, which has ${own}; PORT sets another one for Rampart`,
    );
  options.check();
  const path = resolve(io.folder, io.env['RAMPART_CONFIG'] || DEFAULT_FILE);
  write(path, initialFile(port));
  io.stdout.write(`Wrote ${path} for the application at http://127.0.0.1:${port}.

Next: start the application, then Rampart in front of it, at http://127.0.0.1:${own}

  GENERATOR_INSTANCES=0 rampart start    # 0: without Rampart's own barcode generators, and without a database

rampart check says whether the file is sound, rampart reload puts a change of it in force without a restart.
`);
  return exitCodes.ok;
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    throw new UsageError(
      codeOf(error) === 'EEXIST'
        ? `Cannot write ${path}, as there is one already. Change that one, or move it away first`
        : `Cannot write the configuration: ${messageOf(error)}`,
    );
  }
}
