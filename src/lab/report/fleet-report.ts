import type { FleetBar, FleetResult } from '../simulator/fleet/fleet-bar.ts';
import type { FleetPlan } from '../simulator/fleet/fleet-plan.ts';
import { fleetChart, settleChart } from './fleet-charts.ts';
import { escapeText } from './harmless.ts';
import { dataTable, figureList, folded, headTable, largeChart, page } from './html-parts.ts';
import type { Table } from './table.ts';

/** The figures of Doorman's simulation with 45 clients, to compare with (youtube/doorman, doc/simulation). */
export const DOORMAN =
  "Doorman's own simulation, with 45 clients: 96.6 to 96.8 % of the capacity in use, up to 2 minutes to settle, at worst 106 % of it in use.";

/** Every figure with its bar. */
export function barTable(results: readonly FleetResult[]): Table {
  return {
    columns: ['experiment', 'figure', 'promised', 'simulated', ''],
    rows: results.flatMap(({ title, bars, figures }) => [
      ...bars.map(({ name, expected, got, passed }) => [title, name, expected, got, passed ? '✔ kept' : '✖ missed']),
      ...figures.map(([name, value]) => [title, name, '', value, '']),
    ]),
  };
}

/** The fleet in words. */
export function planText({ hosts, workers, rate, cap }: FleetPlan): string {
  const [workersText, rateText, capText] = [hosts * workers, rate, cap].map((value) => value.toLocaleString('en-US'));
  return `${hosts} hosts, ${workersText} workers, ${rateText} requests/s, one cap of ${capText}`;
}

/** The simulation of a fleet as one file that needs no other. */
export function fleetReport(results: readonly FleetResult[], plan: FleetPlan): string {
  const bars = results.flatMap((result) => result.bars);
  const missed = bars.filter(({ passed }) => !passed);
  const sentence =
    missed.length === 0
      ? `All ${bars.length} figures keep what is promised.`
      : `${missed.length} of ${bars.length} figures ${missed.length === 1 ? 'misses its' : 'miss their'} promise: ${missed.map(({ name, got }) => `${name} ${got}`).join('; ')}.`;
  const look = missed.length === 0 ? 'passed' : 'failed';
  const word = missed.length === 0 ? '✔ Kept' : '✖ Missed';
  return page(
    `Simulated fleet: ${planText(plan)}`,
    `<header><p class="kicker"><b>rampart simulate --fleet</b> · ${escapeText(planText(plan))} · seed ${plan.seed}</p>
<h1><span class="badge ${look}">${word}</span>${escapeText(sentence)}</h1>
<p class="next">${escapeText(DOORMAN)}</p>
${figureList(mainBars(bars).map(({ name, got, expected, passed }) => ({ label: name, value: got, promise: expected, isKept: passed })))}
</header><main>
${results.map(section).join('\n')}
<section><h2>Details</h2>
${folded('All figures', dataTable(barTable(results), 'All figures'), { isOpen: true })}
${folded('The fleet', headTable(planRows(plan)))}
</section></main>`,
  );
}

/** The bars without those that every experiment has. */
const mainBars = (bars: readonly FleetBar[]): FleetBar[] => {
  const over = bars.filter(({ name }) => name === OVER);
  const worst = over.find(({ passed }) => !passed) ?? over[0];
  return [...bars.filter(({ name }) => name !== OVER), ...(worst === undefined ? [] : [worst])];
};

const OVER = 'requests above the cap';

function section(result: FleetResult): string {
  const { title, figures, times } = result;
  const notes = figures.map(([name, value]) => `${name}: ${value}`).join(' · ');
  return `<section><h2>${escapeText(title)}</h2><p class="note">${escapeText(notes)}</p>
${times === undefined ? '' : largeChart(settleChart(result))}
${largeChart(fleetChart(result))}</section>`;
}

const planRows = (plan: FleetPlan): [string, string][] => [
  ['hosts', `${plan.hosts}, each with ${plan.workers} workers`],
  ['cap', `${plan.cap} requests in flight at one backend, from all hosts together`],
  ['requests', `${plan.rate} a second; mean service time ${plan.meanServiceMs} ms, exponential`],
  ['floors', `${100 * plan.floor} % of the cap`],
  ['queue', `a request that waits for ${plan.queueTimeoutMs} ms is refused`],
  ['quarantine', `${plan.quarantineMs} ms`],
  ['Valkey', `${plan.delayMs} ms to it and back again on average each, ${plan.callMs} ms for a call`],
  ['seed', `${plan.seed}`],
];
