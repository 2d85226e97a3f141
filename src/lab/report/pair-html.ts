import { deltaOf } from './delta.ts';
import { verdictLooks } from './headline.ts';
import { dataTable, figureList, folded, largeChart, page } from './html-parts.ts';
import { overlaysOf } from './overlay.ts';
import { pairHeadline } from './pair.ts';
import { escapeText } from './harmless.ts';
import type { RunRecord } from './run-record.ts';

/** Two runs side by side, as one file that needs no other: their curves one over the other, and what was different about them. */
export function pairReport(a: RunRecord, b: RunRecord): string {
  const { sentence, figures, next } = pairHeadline(a, b);
  const { differences, tables, unmatched } = deltaOf(a, b);
  const overlays = overlaysOf(a, b);
  const body = [
    `<header><p class="kicker"><b>rampart lab report</b> · two runs side by side</p>
<h1>${escapeText(sentence)}</h1>
<p class="next">${escapeText(next)}</p>
${figureList(figures)}
<ul class="runs">${runItem('A', a)}${runItem('B', b)}</ul></header><main>`,
    overlays.length === 0
      ? '<p class="note">The two runs have no curve in common.</p>'
      : `<section><h2>Both curves</h2>${overlays
          .map(
            ({ name, chart }) =>
              `${name === '' || overlays.length === 1 ? '' : `<h3><bdi>${escapeText(name)}</bdi></h3>`}${largeChart(chart)}`,
          )
          .join('\n')}</section>`,
    `<section><h2>What was different about them</h2>${
      differences.length === 0
        ? '<p class="note">Nothing but the time.</p>'
        : `<ul class="findings">${differences.map((line) => `<li>${escapeText(line)}</li>`).join('\n')}</ul>`
    }</section>`,
    `<section><h2>Details</h2>${tables
      .filter(({ table }) => table.rows.length > 0)
      .map(({ name, table }) =>
        folded(name, dataTable(table, name), { note: 'A → B at each load that both had', isOpen: tables.length === 1 }),
      )
      .join('\n')}${unmatched.map((line) => `<p class="note">${escapeText(line)}</p>`).join('')}</section></main>`,
  ];
  return page(`${a.id} and ${b.id}`, body.join('\n'));
}

function runItem(name: string, { id, verdict, commit }: RunRecord): string {
  const { shape, word } = verdictLooks[verdict];
  return `<li><b>${name}</b> ${escapeText(id)}, commit ${escapeText(commit)}: <span class="${verdict}"><span aria-hidden="true">${shape}</span> ${word}</span></li>`;
}
