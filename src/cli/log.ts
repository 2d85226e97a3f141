import cluster from 'node:cluster';
import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { LogLevel } from '../config/environment.ts';
import type { Clock } from '../core/clock.ts';
import { LineFile } from '../core/line-file.ts';
import { STANDARD_OUTPUT } from '../core/line-output.ts';
import { readableLine } from '../core/readable-line.ts';

/** Values that no line may show. */
const redact = { paths: ['authorization', '*.authorization', 'headers', '*.headers'], censor: '[redacted]' };

/** The log of a process: JSON lines on standard output, or readable ones where that is a terminal. */
export function openLog(level: LogLevel, base: Record<string, unknown>, clock: Clock): Logger {
  return pino({ level, base, redact }, logStream(clock));
}

/**
 * Standard output, written at once, but never waited for: if nobody reads it, lines wait in memory, then they are
 * dropped. In pm2's cluster mode descriptor 1 is the one of its daemon: there pm2 puts its own write() in place of the
 * stream's, which leads to the log of the app.
 */
function logStream(clock: Clock): DestinationStream {
  if (isUnderPm2Cluster()) return process.stdout;
  const file = LineFile.open({ target: STANDARD_OUTPUT, clock });
  const write = isTerminal() ? (line: string) => file.write(terminalLine(line)) : (line: string) => file.write(line);
  return {
    write(line) {
      write(line);
      file.writeNow();
    },
  };
}

/** In pm2's cluster mode; workers of `rampart gateway --workers` have the standard output of their primary. */
export const isUnderPm2Cluster = (): boolean => cluster.isWorker && process.env['pm_id'] !== undefined;

/** Whether people read standard output. */
export const isTerminal = (): boolean => isatty(1);

/** A JSON line as a terminal shows it; without colours if `NO_COLOR` is set (no-color.org) or the terminal has none. */
export const terminalLine = (line: string): string => readableLine(line, hasColour);

const hasColour = (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
