// The thread of a worker that watches its main thread, and ends the process when that hangs.
import { appendFileSync, writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { starvedMs } from '../core/process-state.ts';
import { Heartbeats } from '../policy/health/heartbeats.ts';
import { BEAT_INTERVAL_MS, HANG_LIMIT_MS, LONGEST_GAP_MS } from '../supervisor/hang-limits.ts';
import type { Watch } from './watchdog.ts';

const { shared, entry, logFile } = workerData as Watch;
const [ticks, isDebugged] = [0, 1] as const;
const view = new Int32Array(shared);
const heartbeats = new Heartbeats<'main'>(HANG_LIMIT_MS, LONGEST_GAP_MS);
let seen = -1;

setInterval(() => {
  const now = Atomics.load(view, ticks);
  if (now !== seen || Atomics.load(view, isDebugged) === 1) heartbeats.beat('main');
  seen = now;
  if (heartbeats.check(performance.now(), () => starvedMs(process.pid)).length === 0) return;
  const line = `${JSON.stringify({ ...entry, time: Date.now() })}\n`;
  try {
    // Past the logger, which is the main thread's.
    if (logFile === undefined) writeSync(1, line);
    else appendFileSync(logFile, line);
  } catch {
    // If nothing reads the output, the process must end all the same.
  }
  process.kill(process.pid, 'SIGKILL');
}, BEAT_INTERVAL_MS);
