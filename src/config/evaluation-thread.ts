// The thread in which the configuration file is evaluated (evaluation-child.ts), so that a file that loops can be asked
// where it is.
import { resolve } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../core/errors.ts';
import { DEFAULT_FILE, loadConfigFile, type ReadFile } from './file.ts';

const { named, folder } = workerData as { readonly named: string | undefined; readonly folder: string };

// An exception has a line, and the end of a thread has none.
process.exit = function exit(code?: number) {
  const error = new Error(`it calls process.exit(${code ?? ''})`);
  Error.captureStackTrace(error, exit);
  throw error;
} as typeof process.exit;

const result = await loadConfigFile(named, folder).catch((error: unknown): ReadFile => {
  const path = resolve(folder, named ?? DEFAULT_FILE);
  return { file: {}, problems: [`${path}: the default export: cannot be read: ${messageOf(error)}`] };
});
// As text: functions that the file exports cannot be posted.
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows; this is a thread
parentPort?.postMessage(JSON.stringify(result));
