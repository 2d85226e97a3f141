import { messageOf, UsageError } from '../core/errors.ts';
import { LineFile } from '../core/line-file.ts';
import { STANDARD_OUTPUT } from '../core/line-output.ts';
import { type AccessLogCounts, accessLogCounts, type LineSink } from '../gateway/access-log/access-log.ts';
import { isTerminal, isUnderPm2Cluster, terminalLine } from './log.ts';
import type { RoleContext } from './role.ts';

/** An open access log, and how it is closed. */
export interface AccessLogFile {
  readonly sink: LineSink;
  readonly counts: AccessLogCounts;
  /** Writes the last lines. */
  close(): Promise<void>;
}

/** Opens the access log of a worker; undefined if it is off. */
export function openAccessLogFile({ config, clock, log, registry }: RoleContext): AccessLogFile | undefined {
  const { target } = config.accessLog;
  if (target === undefined) return undefined;
  if (target === STANDARD_OUTPUT && isUnderPm2Cluster()) {
    throw new UsageError(
      "Cannot write the access log to standard output, as in pm2's cluster mode that belongs to pm2's daemon: set ACCESS_LOG to a path",
    );
  }
  const counts = accessLogCounts(registry);
  const file = openFile(target, {
    clock,
    onWritten: (lines) => counts.written.add(lines),
    onDropped: (lines) => counts.dropped.add(lines),
    onFailure: (error) =>
      log.error(
        { err: error, target },
        'the access log cannot be written; lines wait in memory, then they are dropped',
      ),
  });
  const waiting = registry.gauge('rampart_access_log_waiting_bytes', 'Lines that wait in memory', 'sum').of();
  registry.onSnapshot(() => waiting.set(file.waitingBytes));
  const isReadable = target === STANDARD_OUTPUT && isTerminal();
  const sink = isReadable ? { write: (line: string) => file.write(terminalLine(line)) } : file;
  return { sink, counts, close: () => file.close() };
}

function openFile(target: string, options: Omit<Parameters<typeof LineFile.open>[0], 'target'>): LineFile {
  try {
    return LineFile.open({ target, ...options });
  } catch (error) {
    throw new UsageError(
      `Cannot open the access log, as ACCESS_LOG must be a path that can be written, - or off: got '${target}' (${messageOf(error)})`,
    );
  }
}
