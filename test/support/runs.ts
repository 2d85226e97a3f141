import type { RunRecord } from '../../src/lab/report/run-record.ts';
import { runSchema } from '../../src/lab/report/run-schema.ts';

/** The run that `--json` printed: it is as the published schema says, and holds nothing that the schema does not know. */
export function readRun(stdout: string): RunRecord {
  const run: unknown = JSON.parse(stdout);
  runSchema.parse(run);
  return run as RunRecord;
}
