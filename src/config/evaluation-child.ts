// The process in which control evaluates the configuration file (evaluate.ts). Arguments: the file or '', the folder, the
// milliseconds after which it looks where the file loops, and the most memory in MiB.
import { type Debugger, Session } from 'node:inspector';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../core/clock.ts';
import { codeOf, messageOf } from '../core/errors.ts';
import { DEFAULT_FILE } from './file.ts';

const [named = '', folder = '.', limitMs = '', memoryMib = ''] = process.argv.slice(2);
const path = resolve(folder, named === '' ? DEFAULT_FILE : named);

const late = `it did not end within ${Number(limitMs) / 1000} s`;
/** How long a thread that loops may take to say where; one that waits does not say. */
const ANSWER_MS = 500;

/** The first result counts: JSON of a `ReadFile`. */
function finish(result: string): void {
  process.send?.(result, undefined, undefined, () => process.exit(0));
}

const refuse = (why: string): void => finish(JSON.stringify({ file: {}, problems: [`${path}: ${why}`] }));

/** Node lets one thread debug the others; messages about them are text within messages. */
const session = new Session();
session.connect();
const urls = new Map<string, string>();
let thread = '';
session.on('NodeWorker.attachedToWorker', ({ params }) => {
  thread = params.sessionId;
});
session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
  const { method, params: found } = JSON.parse(params.message) as { method?: string; params: unknown };
  if (method === 'Debugger.scriptParsed') {
    const { scriptId, url } = found as Debugger.ScriptParsedEventDataType;
    urls.set(scriptId, url);
  } else if (method === 'Debugger.paused') refuse(placeIn(found as Debugger.PausedEventDataType));
});
session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });

const tell = (id: number, method: string): void =>
  session.post('NodeWorker.sendMessageToWorker', { sessionId: thread, message: JSON.stringify({ id, method }) });

function placeIn({ callFrames }: Debugger.PausedEventDataType): string {
  for (const { location } of callFrames) {
    const url = urls.get(location.scriptId) ?? '';
    if (!url.startsWith('file:') || url.includes('/node_modules/')) continue;
    const file = fileURLToPath(url);
    return `${file === path ? '' : `${file}, `}line ${location.lineNumber + 1}: ${late}, and loops here`;
  }
  return late;
}

const worker = new Worker(new URL('./evaluation-thread.ts', import.meta.url), {
  workerData: { named: named === '' ? undefined : named, folder },
  resourceLimits: { maxOldGenerationSizeMb: Number(memoryMib) },
});
worker.once('message', finish);
worker.once('error', (error) => {
  const isMemory = codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY';
  refuse(isMemory ? `it takes more than ${memoryMib} MiB of memory` : messageOf(error));
});
worker.once('exit', (code) => {
  // Node's exit code for a module whose top-level await never ends.
  refuse(code === 13 ? 'it waits for something that never comes (a top-level await)' : 'it ended without a value');
});
// From here on the time is the file's: on a busy machine, the start of a process alone may take seconds.
worker.once('online', () => {
  systemClock.setTimeout(() => {
    tell(1, 'Debugger.enable');
    tell(2, 'Debugger.pause');
    systemClock.setTimeout(() => refuse(`${late}: it waits for something`), ANSWER_MS);
  }, Number(limitMs));
});
