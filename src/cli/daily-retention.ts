import type { Timer } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { type RetentionReport, runRetention } from '../store/partitions/retention-run.ts';
import { databaseUrlOf, directUrlOf } from './database.ts';
import type { RoleContext } from './role.ts';

const DAY_MS = 86_400_000;
/** A run that failed is tried again after this time. */
const AGAIN_MS = 600_000;

/** Runs retention at the start of control and once a day; over several hosts, one at a time does. */
export function startDailyRetention(context: RoleContext): { stop(): void; readonly connections: number } {
  const { config, clock, random, log, registry, bugs } = context;
  const runs = registry.counter('rampart_retention_runs_total', 'Runs of retention by result', 'result');
  const partitions = registry.gauge('rampart_record_partitions', 'Partitions of the records', 'max').of();
  let timer: Timer | undefined;
  let isStopped = false;
  let connections = 0;
  const run = async (): Promise<'done' | 'elsewhere' | 'failed'> => {
    connections = 1;
    try {
      const report = await runRetention({
        url: directUrlOf(config, await databaseUrlOf(config)),
        clock,
        retentionDays: config.env.LEDGER_RETENTION_DAYS,
        idempotencyWindowMs: config.env.IDEMPOTENCY_WINDOW_HOURS * 3_600_000,
        isDryRun: false,
        onStep: (step) => log.info({ step }, 'the table of records is being partitioned'),
      });
      if (report.isElsewhere) return 'elsewhere';
      partitions.set(report.kept);
      tell(log, report);
      return 'done';
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'retention failed; it is tried again in ten minutes');
      return 'failed';
    } finally {
      connections = 0;
    }
  };
  const next = async (): Promise<void> => {
    const result = await run();
    runs.of(result).add();
    // At different moments on different hosts, so that the same host need not be the one that does the work.
    const delayMs = result === 'failed' ? AGAIN_MS : DAY_MS * (0.95 + 0.1 * random());
    if (!isStopped) timer = clock.setTimeout(start, delayMs);
  };
  const start = (): void => void next().catch((error: unknown) => bugs.report('retention', error));
  start();
  return {
    /** Sessions that it has open. */
    get connections() {
      return connections;
    },
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}

function tell(log: RoleContext['log'], { obstacle, added, dropped, deletedRecords }: RetentionReport): void {
  if (obstacle !== undefined) log.warn({ reason: obstacle }, 'the table of records stays as it is');
  // Only what is gone is worth a line of every day.
  const level = dropped.length > 0 || deletedRecords > 0 ? 'info' : 'debug';
  log[level]({ added, dropped, deletedRecords }, 'retention');
}
