// npm run docs:lab [FOLDER]: the pictures of docs/lab.md from a run of prove, tables and picture of docs/tuning.md from a run of
// tune, the tables of docs/batches.md from one of ingest; the latest run of each where no folder is named.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { table } from '../src/lab/report/markdown.ts';
import type { Chart } from '../src/lab/report/chart-model.ts';
import { mainCharts } from '../src/lab/report/main-charts.ts';
import type { RunRecord } from '../src/lab/report/run-record.ts';
import { standaloneChart } from '../src/lab/report/standalone-chart.ts';
import { summaryTables } from '../src/lab/report/tuning-tables.ts';
import { root } from './root.ts';
import { writeTable } from './write-table.ts';

const writers: Readonly<Record<string, (run: RunRecord) => void>> = {
  prove: writeProof,
  tune: writeTuning,
  ingest: writeIngest,
};

function writeProof(run: RunRecord): void {
  const series = run.series.filter(({ name }) => name !== 'real barcodes');
  writePicture('prove', mainCharts({ ...run, series })[0]);
}

function writeTuning(run: RunRecord): void {
  if (run.tuning === undefined) throw new Error(`${run.id} is no run of tune`);
  const { machine, configuration } = run;
  const text = [
    `Run ${run.id}, commit ${run.commit}, ${(run.seconds / 60).toFixed(0)} minutes: ${run.verdict}. ${machine.processors}, ${machine.memoryGiB.toFixed(1)} GiB, Node ${machine.node}. ${configuration['users']} users; ${configuration['targets']}.`,
    ...run.reasons.map((reason) => `This run says nothing about the system: ${reason}.`),
    ...summaryTables(run.tuning).map((each) => `**${each.title}**\n\n${table(each)}`),
    // The last one says where the file was written.
    run.findings
      .slice(0, -1)
      .map((finding) => `- ${finding}`)
      .join('\n'),
  ];
  writeTable('tuning.md', 'tune', `${text.join('\n\n')}\n`);
  writePicture('tune-frontier', mainCharts(run)[0]);
}

function writeIngest(run: RunRecord): void {
  const { machine } = run;
  const text = [
    `Run ${run.id}, commit ${run.commit}, ${(run.seconds / 60).toFixed(0)} minutes: ${run.verdict}. ${machine.processors}, ${machine.memoryGiB.toFixed(1)} GiB, Node ${machine.node}.`,
    ...run.reasons.map((reason) => `This run says nothing about the system: ${reason}.`),
    ...(run.tables ?? []).map((each) => `**${each.title}**\n\n${table(each)}`),
    run.findings.map((finding) => `- ${finding}`).join('\n'),
  ];
  writeTable('batches.md', 'ingest', `${text.join('\n\n')}\n`);
}

function writePicture(name: string, chart: Chart | undefined): void {
  if (chart === undefined) throw new Error(`There is nothing to draw for ${name}`);
  writeFileSync(join(root, 'docs', 'images', `${name}.svg`), `${standaloneChart(chart)}\n`);
}

const named = process.argv[2];
const folders =
  named === undefined
    ? Object.keys(writers).flatMap((name) =>
        globSync(join(root, `.rampart/runs/*-${name}`))
          .toSorted()
          .slice(-1),
      )
    : [resolve(named)];
if (folders.length === 0)
  throw new Error('There is no run in .rampart/runs: npm run prove and rampart lab tune make them');
for (const folder of folders) {
  const run = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunRecord;
  const write = writers[run.experiment];
  if (write === undefined) throw new Error(`No page shows a run of ${run.experiment}: ${folder}`);
  write(run);
}
