// npm run docs:lab [FOLDER]: the picture of docs/lab.md from a run of prove; the latest one where no folder is named.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { plotsOf } from '../src/lab/report/plots.ts';
import type { RunRecord } from '../src/lab/report/run-record.ts';
import { root } from './root.ts';

const folder = process.argv[2] ?? globSync(join(root, '.rampart/runs/*-prove')).toSorted().at(-1);
if (folder === undefined) throw new Error('There is no run of prove in .rampart/runs: npm run prove makes one');
const run = JSON.parse(readFileSync(join(resolve(folder), 'run.json'), 'utf8')) as RunRecord;
const series = run.series.filter(({ name }) => name !== 'real barcodes');
for (const [index, name] of ['throughput', 'latency'].entries()) {
  writeFileSync(join(root, 'docs', 'images', `prove-${name}.svg`), `${plotsOf({ ...run, series })[index] ?? ''}\n`);
}
