import { chartTable } from './chart-text.ts';
import { endpointTable } from './endpoint-table.ts';
import { headlineOf, verdictLooks } from './headline.ts';
import { mainCharts } from './main-charts.ts';
import { escapeMarkdown } from './harmless.ts';
import type { Gate, RunRecord } from './run-record.ts';
import type { Table } from './table.ts';
import { driftTable, headRows, latencyTable, stepTable, timelineTable, uslSentence } from './tables.ts';
import { tuningTables } from './tuning-tables.ts';

/** The report for a wiki. */
export function markdownReport(run: RunRecord): string {
  const parts = [
    ...summaryOf(run, '#'),
    '## What was found',
    run.findings.map((finding) => `- ${escapeMarkdown(finding)}`).join('\n'),
  ];
  for (const timeline of run.timelines ?? []) {
    parts.push(`## ${escapeMarkdown(timeline.title)}`, table(timelineTable(timeline)));
  }
  if (run.drifts !== undefined && run.drifts.length > 0) parts.push('## Drift', table(driftTable(run)));
  for (const each of [...(run.tables ?? []), ...tuningTables(run.tuning)]) {
    parts.push(`## ${escapeMarkdown(each.title)}`, table(each));
  }
  for (const series of run.series) {
    const settings = Object.entries(series.settings).map(([name, value]) => escapeMarkdown(`${name}=${value}`));
    const usl = uslSentence(series);
    parts.push(
      `## ${escapeMarkdown(series.name)}`,
      `Limited by ${escapeMarkdown(series.limit)}.${usl === undefined ? '' : ` ${escapeMarkdown(usl)}.`} ${settings.join(' ')}`,
      table(stepTable(series)),
      '### Percentiles and outcomes',
      table(endpointTable(series)),
    );
  }
  parts.push('## What ran, where, and with what', table({ columns: ['', ''], rows: headRows(run) }));
  return `${parts.join('\n\n')}\n`;
}

/** A block for a pull request: the verdict, its figures, the gates, and the curve as a folded table. */
export function markdownBlock(run: RunRecord): string {
  const { machine, commit, id } = run;
  const curves = run.tuning === undefined ? mainCharts(run).map(chartTable) : [];
  const loads = run.timelines === undefined ? run.series.map(latencyTable) : [];
  const tables = (loads.length === 1 ? loads : curves).filter(({ rows }) => rows.length > 0);
  return `${[
    ...summaryOf(run, '###'),
    ...tables.map((each) => `<details><summary>The curve as a table</summary>\n\n${table(each)}\n\n</details>`),
    `<sub>${escapeMarkdown(`${id}, commit ${commit}, ${machine.processors}, Node ${machine.node}`)}</sub>`,
  ].join('\n\n')}\n`;
}

function summaryOf(run: RunRecord, heading: '#' | '###'): string[] {
  const { sentence, figures, next } = headlineOf(run);
  const { shape } = verdictLooks[run.verdict];
  return [
    `${heading} ${shape} ${escapeMarkdown(run.experiment)} ${run.verdict}`,
    `**${escapeMarkdown(sentence)}**`,
    ...(figures.length === 0
      ? []
      : [
          figures
            .map(({ label, value, promise }) => {
              const promised = promise === undefined ? '' : ` (${escapeMarkdown(promise)})`;
              return `- ${escapeMarkdown(label)}: **${escapeMarkdown(value)}**${promised}`;
            })
            .join('\n'),
        ]),
    `Next: ${escapeMarkdown(next)}`,
    ...(run.reasons.length < 2 ? [] : [run.reasons.map((reason) => `- ${escapeMarkdown(reason)}`).join('\n')]),
    ...(run.gates.length === 0 ? [] : [table(gateTable(run))]),
  ];
}

/** Those that failed come first. */
function gateTable({ gates }: Pick<RunRecord, 'gates'>): Table {
  const verdict = ({ passed }: Gate): string => (passed ? '✔ passed' : '✖ failed');
  return {
    columns: ['', 'gate', 'expected', 'got'],
    rows: gates
      .toSorted((left, right) => Number(left.passed) - Number(right.passed))
      .map((gate) => [verdict(gate), gate.name, gate.expected, gate.got]),
  };
}

export function table({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
