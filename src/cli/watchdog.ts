import cluster from 'node:cluster';
import { url as inspectorUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';
import { BEAT, BEAT_INTERVAL_MS } from '../supervisor/hang-limits.ts';
import type { RoleContext } from './role.ts';

/** The data of the watchdog's thread. */
export interface Watch {
  /** Two numbers: ticks of the main thread, and 1 while a debugger may hold it. */
  readonly shared: SharedArrayBuffer;
  /** The log line before the process is ended; the time is added to it. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** The log file of the process; undefined if it logs to standard output. */
  readonly logFile: string | undefined;
}

/**
 * Ends this process, which is then replaced, when its event loop hangs; not under a debugger. The parent process watches it
 * (`rampart start`, `rampart gateway --workers`); without such a parent a thread does, which costs memory and makes a
 * killed process end more slowly. Returns a function that ends the watch.
 */
export function startWatchdog(context: RoleContext, env: NodeJS.Dict<string>): () => void {
  return env['RAMPART_WATCHED'] === '1' && process.send !== undefined ? sendBeats() : startThread(context, env);
}

const isDebugged = (): boolean => inspectorUrl() !== undefined;

function every(intervalMs: number, tick: () => void): () => void {
  tick();
  const timer = setInterval(tick, intervalMs).unref();
  return () => clearInterval(timer);
}

function sendBeats(): () => void {
  const say = (message: string): void => {
    // The supervisor may have been killed a moment ago; without a callback, the failed send would be an uncaught error.
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  };
  const endBeats = every(BEAT_INTERVAL_MS, () => say(isDebugged() ? `no ${BEAT}` : BEAT));
  return () => {
    endBeats();
    say(`no ${BEAT}`);
  };
}

function startThread({ role, instance, log }: RoleContext, env: NodeJS.Dict<string>): () => void {
  const shared = new SharedArrayBuffer(8);
  const view = new Int32Array(shared);
  const endTicks = every(BEAT_INTERVAL_MS, () => {
    Atomics.add(view, 0, 1);
    Atomics.store(view, 1, isDebugged() ? 1 : 0);
  });
  const msg = 'the event loop hangs: ending this process, so that another takes its place';
  const entry = { level: 60, role, instance, pid: process.pid, msg };
  // pm2 puts a write() of its own in place of the main thread's: this thread has to write to the file of the app itself.
  const logFile = cluster.isWorker ? env['pm_out_log_path'] : undefined;
  const workerData: Watch = { shared, entry, logFile };
  const thread = new Worker(new URL('./watchdog-thread.ts', import.meta.url), { workerData, execArgv: [], env: {} });
  thread.unref();
  thread.on('error', (error) => log.warn({ err: error }, 'nobody watches for a hanging event loop any more'));
  return () => {
    endTicks();
    void thread.terminate();
  };
}
