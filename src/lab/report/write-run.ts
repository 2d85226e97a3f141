import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { htmlReport } from './html.ts';
import { junitReport } from './junit.ts';
import { markdownReport } from './markdown.ts';
import type { RunRecord } from './run-record.ts';

/** Writes run.json and, from it, report.html, report.md and junit.xml. */
export async function writeRun(run: RunRecord, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'run.json'), `${JSON.stringify(run, undefined, 1)}\n`);
  await writeReports(run, folder);
}

export async function writeReports(run: RunRecord, folder: string): Promise<void> {
  await Promise.all([
    writeFile(join(folder, 'report.html'), htmlReport(run)),
    writeFile(join(folder, 'report.md'), markdownReport(run)),
    writeFile(join(folder, 'junit.xml'), junitReport(run)),
  ]);
}
