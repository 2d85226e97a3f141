import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { lowerPriority } from '../core/low-priority.ts';
import { DEFAULT_FILE, type ReadFile } from './file.ts';

export interface EvaluationOptions {
  /** The value of RAMPART_CONFIG. */
  readonly named: string | undefined;
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly limitMs?: number;
}

const LIMIT_MS = 5_000;
/** The process ends a file that takes too long; it is ended itself if it has not within this time. */
const PROCESS_LIMIT_MS = 10_000;
/** On a host without a free processor, a process of low priority may get none: after so long, another one with the usual priority starts. */
const PATIENCE_MS = 3_000;
const MAX_HEAP_MIB = 256;
const MAX_RESIDENT_MIB = 512;
const WATCH_MS = 50;
const MAX_SAID_BYTES = 2_000;
/** Variables by which Rampart's own processes are started; they mean nothing to a configuration file. */
const INTERNAL = /^(RAMPART_(SUPERVISED|WATCHED|INSTANCE|LISTEN_FD|CONFIG_SNAPSHOT)|NODE_CHANNEL_.*|NODE_UNIQUE_ID)$/;

const entry = fileURLToPath(new URL('./evaluation-child.ts', import.meta.url));

/**
 * Evaluates the configuration file in a process of its own. Modules cannot be unloaded, so a long-running process can
 * import a file only once; and a file that loops, ends its process or takes all memory must not harm control.
 */
export async function evaluateConfigFile(options: EvaluationOptions): Promise<ReadFile> {
  const limitMs = (options.limitMs ?? LIMIT_MS) + PROCESS_LIMIT_MS;
  return (
    (await evaluateWithin(PATIENCE_MS, options, { isUrgent: false })) ??
    (await evaluateWithin(limitMs, options, { isUrgent: true })) ??
    refused(options, 'its process does not answer')
  );
}

interface Urgency {
  /** It does not yield the processors to requests in progress. */
  readonly isUrgent: boolean;
}

/** Undefined if there is no answer within that time. */
async function evaluateWithin(
  waitMs: number,
  options: EvaluationOptions,
  urgency: Urgency,
): Promise<ReadFile | undefined> {
  const child = startChild(options, urgency);
  const said = textOf(child.stderr);
  const result = new Promise<ReadFile | undefined>((resolve) => {
    const refuse = (why: string): void => resolve(refused(options, why));
    child.once('message', (message) => {
      resolve(asResult(message) ?? refused(options, 'it sent something else than its value'));
    });
    child.once('error', (error) => refuse(`it could not be evaluated: ${error.message}`));
    // Behind the messages that are still in the channel.
    child.once('close', (code, signal) => refuse(endOf(code, signal, said())));
    const stopWatch = watchMemory(child, options.clock, () => refuse(tooLarge));
    const timer = options.clock.setTimeout(() => resolve(undefined), waitMs);
    child.once('close', () => {
      stopWatch();
      timer.cancel();
    });
  });
  try {
    return await result;
  } finally {
    endGroup(child);
  }
}

const refused = ({ folder, named }: EvaluationOptions, why: string): ReadFile => ({
  file: {},
  problems: [`${resolve(folder, named ?? DEFAULT_FILE)}: ${why}`],
});

function startChild(
  { named, folder, env, limitMs = LIMIT_MS }: EvaluationOptions,
  { isUrgent }: Urgency,
): ChildProcess {
  const args = ['--no-warnings', entry, named ?? '', folder, String(limitMs), String(MAX_HEAP_MIB)];
  const outside = Object.fromEntries(Object.entries(env).filter(([name]) => !INTERNAL.test(name)));
  // A session of its own, so that what the file starts can be ended with it.
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: outside,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  if (!isUrgent) yieldProcessors(child.pid);
  return child;
}

/** Starting Node and a compiler takes a processor for some 200 ms; requests in progress go first. */
function yieldProcessors(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    lowerPriority(pid);
  } catch {
    // It has ended already, or the system does not let it: then it runs as any other.
  }
}

/** The first bytes of a stream, as text; the rest is read and forgotten. */
function textOf(stream: Readable | null | undefined): () => string {
  let text = '';
  stream?.on('data', (chunk: Buffer) => {
    if (text.length < MAX_SAID_BYTES) text += chunk.toString('utf8');
  });
  stream?.on('error', () => {});
  return () => text;
}

const tooLarge = `it takes more than ${MAX_RESIDENT_MIB} MiB of memory`;

/** Buffers lie outside of the heap that Node bounds. */
function watchMemory(child: ChildProcess, clock: Clock, onExceeded: () => void): () => void {
  let timer = clock.setTimeout(look, WATCH_MS);
  function look(): void {
    if (residentMib(child.pid) > MAX_RESIDENT_MIB) onExceeded();
    else timer = clock.setTimeout(look, WATCH_MS);
  }
  return () => timer.cancel();
}

/** 0 where the system does not say. */
function residentMib(pid: number | undefined): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
    return (pages * 4) / 1024 || 0;
  } catch {
    return 0;
  }
}

function endOf(code: number | null, signal: string | null, said: string): string {
  const how = signal === null ? `exit code ${code}` : signal;
  const first = said.split('\n').find((line) => /^\w/.test(line)) ?? '';
  return `its process ended (${how}) before it had a value${first === '' ? '' : `: ${first.slice(0, 200)}`}`;
}

function asResult(message: unknown): ReadFile | undefined {
  try {
    return evaluated.parse(JSON.parse(String(message))) as ReadFile;
  } catch {
    return undefined;
  }
}

const evaluated = z.object({ file: z.record(z.string(), z.unknown()), problems: z.array(z.string()) });

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The process and all that it had started have ended.
  }
}
