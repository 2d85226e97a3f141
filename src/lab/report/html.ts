import type { Table } from './table.ts';
import { endpointTable } from './endpoint-table.ts';
import { escapeText } from './line-plot.ts';
import type { RunRecord, Series } from './run-record.ts';
import { seriesPlots } from './series-plots.ts';
import { processTable, serverTable } from './server-tables.ts';
import { driftTable, headRows, stepTable, uslSentence } from './tables.ts';
import { tuningTables } from './tuning-tables.ts';

const style = `
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.verdict { display: inline-block; padding: .1rem .7rem; border-radius: .3rem; color: #fff; }
.passed { background: #00735a; } .failed { background: #b3360b; } .invalid { background: #666; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #e4e4e4; text-align: right; vertical-align: top; }
th { font-weight: 600; border-bottom-color: #999; white-space: nowrap; }
.text th, .text td { text-align: left; } .head th { border-bottom-color: #e4e4e4; width: 12rem; }
.numbers { font-size: .85rem; } .numbers th, .numbers td { padding: .15rem .4rem; white-space: nowrap; }
.wide { overflow-x: auto; } summary { cursor: pointer; margin: .8rem 0 .3rem; } .note { color: #555; } .drift td:first-child { text-align: left; }
`;

/** The report as one file that needs no other: styles and plots are within it, and no script. */
export function htmlReport(run: RunRecord, plots: readonly string[]): string {
  const title = `${run.experiment}: ${run.verdict}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeText(`${title}, ${run.id}`)}</title><style>${style}</style></head><body>
<h1>${escapeText(run.experiment)} <span class="verdict ${run.verdict}">${run.verdict}</span></h1>
${paragraphs(run.reasons.map((reason) => `This run says nothing about the system: ${reason}.`))}
${table(headTable(run), 'text head', false)}
<h2>Gates</h2>
${table(gateTable(run), 'text')}
<h2>What was found</h2>
<ul>${run.findings.map((finding) => `<li>${escapeText(finding)}</li>`).join('\n')}</ul>
<div class="plots">${plots.join('\n')}</div>
${driftSection(run)}
${[...(run.tables ?? []), ...tuningTables(run.tuning)]
  .map((each) => `<h2>${escapeText(each.title)}</h2>\n<div class="wide">${table(each, 'numbers')}</div>`)
  .join('\n')}
${run.series.map((each) => seriesSection(each, run.timelines === undefined)).join('\n')}
<p class="note">* held for longer, to confirm. Latencies are of successes, from the moment at which each request was due. <i>Under way</i>:
requests in flight on average, as counted. <i>wait</i> and <i>exec</i>: means of what Server-Timing says. <i>machine</i>: share of all
processors in use; <i>others</i>: of that, neither Rampart nor the lab; <i>sender</i>: processor time of the lab itself.</p>
</body></html>
`;
}

/** `isOverLoad`: its steps are loads that grow, rather than phases of a run. */
function seriesSection(series: Series, isOverLoad: boolean): string {
  const settings = Object.entries(series.settings).map(([name, value]) => `${name}=${value}`);
  const usl = uslSentence(series);
  return `<h2>${escapeText(series.name)}</h2>
<p>Limited by ${escapeText(series.limit)}.${usl === undefined ? '' : ` ${escapeText(usl)}.`}<br><span class="note">${escapeText(settings.join('  '))}</span></p>
<div class="wide">${table(stepTable(series), 'numbers')}</div>
<div class="plots">${isOverLoad ? seriesPlots(series).join('\n') : ''}</div>
${details('Percentiles and outcomes', endpointTable(series))}
${details('What the server said of itself', serverTable(series))}
${details('Its processes', processTable(series))}`;
}

function details(title: string, content: Table | undefined): string {
  if (content === undefined) return '';
  return `<details><summary>${title}</summary><div class="wide">${table(content, 'numbers')}</div></details>`;
}

function driftSection(run: RunRecord): string {
  if (run.drifts === undefined || run.drifts.length === 0) return '';
  return `<h2>Drift</h2>\n<div class="wide">${table(driftTable(run), 'drift')}</div>`;
}

function headTable(run: RunRecord): Table {
  return { columns: [], rows: headRows(run) };
}

export function gateTable({ gates }: RunRecord): Table {
  return {
    columns: ['gate', 'expected', 'got', ''],
    rows: gates.map(({ name, expected, got, passed }) => [name, expected, got, passed ? 'passed' : 'failed']),
  };
}

function table({ columns, rows }: Table, className: string, hasHead = true): string {
  const head = hasHead ? `<tr>${columns.map((column) => `<th>${escapeText(column)}</th>`).join('')}</tr>` : '';
  const cell = (text: string, column: number): string => {
    const tag = !hasHead && column === 0 ? 'th' : 'td';
    return `<${tag}>${escapeText(text)}</${tag}>`;
  };
  return `<table class="${className}">${head}${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</table>`;
}

const paragraphs = (texts: readonly string[]): string => texts.map((text) => `<p>${escapeText(text)}</p>`).join('\n');
