// npm run docs:fleet: writes the tables of docs/fleet-simulation.md and its pictures anew; about five minutes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fleetChart, settleChart } from '../src/lab/report/fleet-charts.ts';
import { barTable, planText } from '../src/lab/report/fleet-report.ts';
import { table } from '../src/lab/report/markdown.ts';
import { standaloneChart } from '../src/lab/report/standalone-chart.ts';
import type { FleetResult } from '../src/lab/simulator/fleet/fleet-bar.ts';
import { fleetExperiments } from '../src/lab/simulator/fleet/fleet-experiments.ts';
import { fleetPlan } from '../src/lab/simulator/fleet/fleet-plan.ts';
import { root } from './root.ts';
import { writeTable } from './write-table.ts';

const SECONDS = 30;

function resultsOf(hosts: number): FleetResult[] {
  const plan = fleetPlan({ hosts });
  const results = Object.values(fleetExperiments).map((experiment) => experiment(plan, SECONDS));
  writeTable('fleet-simulation.md', `${hosts} hosts`, `${planText(plan)}.\n\n${table(barTable(results))}`);
  return results;
}

function draw(name: string, svg: string): void {
  writeFileSync(join(root, 'docs', 'images', `fleet-${name}.svg`), `${svg}\n`);
}

resultsOf(16);
for (const result of resultsOf(625)) {
  if (result.name === 'shifts') draw('settle', standaloneChart(settleChart(result)));
  if (result.name === 'death' || result.name === 'away-30') draw(result.name, standaloneChart(fleetChart(result)));
}
