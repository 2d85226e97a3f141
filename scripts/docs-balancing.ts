// npm run docs:balancing: writes the tables of docs/balancing.md and its picture anew.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareBalancers, type Row } from '../src/lab/simulator/comparison.ts';
import { plot } from '../src/lab/simulator/plot.ts';
import { type Scenario, scenarios } from '../src/lab/simulator/scenario.ts';
import { markdownTable } from '../src/lab/simulator/table.ts';
import { balancerNames } from '../src/policy/balance/balancer.ts';
import { root } from './root.ts';
import { writeTable } from './write-table.ts';

const REQUESTS = 500_000;

const tables: Readonly<Record<string, { readonly scenario: Scenario; readonly loads: readonly number[] }>> = {
  prequal: { scenario: scenarios.prequal, loads: [0.7, 0.8, 0.9, 1, 1.1] },
  'one-gateway': { scenario: { ...scenarios.prequal, gateways: 1 }, loads: [0.7, 0.9, 1] },
  faults: { scenario: scenarios.faults, loads: [0.7, 0.9] },
  host: { scenario: scenarios.host, loads: [0.7, 0.9] },
};

for (const [name, { scenario, loads }] of Object.entries(tables)) {
  const rows = compareBalancers({ scenario, loads, balancers: balancerNames, requests: REQUESTS, seed: 1 });
  writeTable('balancing.md', name, markdownTable(rows));
  if (name === 'prequal') drawn(rows);
}

function drawn(rows: readonly Row[]): void {
  const images = join(root, 'docs', 'images');
  mkdirSync(images, { recursive: true });
  writeFileSync(
    join(images, 'balancing.svg'),
    plot('50 unequal backends behind 10 gateways, antagonists on all', rows),
  );
}
