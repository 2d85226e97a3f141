import type { Table } from './table.ts';
import { endpointTable } from './endpoint-table.ts';
import { gateTable } from './html.ts';
import type { RunRecord } from './run-record.ts';
import { driftTable, headRows, stepTable, timelineTable, uslSentence } from './tables.ts';
import { tuningTables } from './tuning-tables.ts';

/** The report for a pull request or a wiki. */
export function markdownReport(run: RunRecord): string {
  const parts = [
    `# ${run.experiment}: ${run.verdict}`,
    ...run.reasons.map((reason) => `This run says nothing about the system: ${reason}.`),
    table({ columns: ['', ''], rows: headRows(run) }),
    '## Gates',
    table(gateTable(run)),
    '## What was found',
    run.findings.map((finding) => `- ${finding}`).join('\n'),
  ];
  for (const timeline of run.timelines ?? []) parts.push(`## ${timeline.title}`, table(timelineTable(timeline)));
  if (run.drifts !== undefined && run.drifts.length > 0) parts.push('## Drift', table(driftTable(run)));
  for (const each of [...(run.tables ?? []), ...tuningTables(run.tuning)]) parts.push(`## ${each.title}`, table(each));
  for (const series of run.series) {
    const settings = Object.entries(series.settings).map(([name, value]) => `\`${name}=${value}\``);
    const usl = uslSentence(series);
    parts.push(
      `## ${series.name}`,
      `Limited by ${series.limit}.${usl === undefined ? '' : ` ${usl}.`} ${settings.join(' ')}`,
      table(stepTable(series)),
      '### Percentiles and outcomes',
      table(endpointTable(series)),
    );
  }
  return `${parts.join('\n\n')}\n`;
}

export function table({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
