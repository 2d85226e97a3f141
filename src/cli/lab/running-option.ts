import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { CommandIo } from '../io.ts';
import type { Options } from '../options.ts';

/** Where a service runs, and the key to use; undefined: one that is made for the run, where one is needed. */
export interface Running {
  readonly url: string;
  readonly key: string | undefined;
  readonly insecure: boolean;
}

/** The service of --url; undefined if the lab measures a Rampart of its own. */
export function readRunning(options: Options, io: CommandIo): Running | undefined {
  const url = options.text('url');
  const insecure = options.flag('insecure');
  const key = readKey(options, io);
  if (url === undefined) {
    if (options.text('key') !== undefined || options.text('key-file') !== undefined)
      options.problem('--key and --key-file are for a service that runs: they need --url');
    if (insecure) options.problem('--insecure is for a service that runs: it needs --url');
    return undefined;
  }
  if (!checkUrl('url', url, options)) return undefined;
  return { url, key, insecure };
}

/** Whether it is one that can be measured; else the problem is told. */
export function checkUrl(name: string, url: string, options: Options): boolean {
  const isUrl = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  if (!isUrl) options.problem(`--${name} must be an http or https URL: got '${url}'`);
  return isUrl;
}

/** The key of --key-file, --key or the environment; messages of problems do not contain it. */
export function readKey(options: Options, io: CommandIo): string | undefined {
  const keyFile = options.text('key-file');
  const key = keyFile === undefined ? options.text('key') : keyIn(resolve(io.folder, keyFile), options);
  const given = key ?? io.env['RAMPART_LAB_TOKEN']?.trim();
  if (given === undefined || given === '') return undefined;
  if (/^[\x20-\x7e]+$/.test(given)) return given;
  options.problem('the key must be one line of printable ASCII characters, as it goes into a header');
  return undefined;
}

function keyIn(path: string, options: Options): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    options.problem(`--key-file cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}
