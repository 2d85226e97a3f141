import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { htmlReport } from './html.ts';
import { junitReport } from './junit.ts';
import { markdownReport } from './markdown.ts';
import type { RunRecord } from './run-record.ts';

/** Writes run.json, report.html, report.md and junit.xml into `runs/<id>` of the data directory; its path. */
export async function writeRun(run: RunRecord, plots: readonly string[], dataDir: string): Promise<string> {
  const folder = join(dataDir, 'runs', run.id);
  await mkdir(folder, { recursive: true });
  await Promise.all([
    writeFile(join(folder, 'run.json'), `${JSON.stringify(run, undefined, 1)}\n`),
    writeFile(join(folder, 'report.html'), htmlReport(run, plots)),
    writeFile(join(folder, 'report.md'), markdownReport(run)),
    writeFile(join(folder, 'junit.xml'), junitReport(run)),
  ]);
  return folder;
}
