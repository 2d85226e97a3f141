import type { Chart } from './chart-model.ts';
import { endpointTable } from './endpoint-table.ts';
import { dataTable, figureList, folded, headTable, largeChart, page, smallChart } from './html-parts.ts';
import { headlineOf, verdictLooks } from './headline.ts';
import { type EndpointChart, endpointCharts } from './load-charts.ts';
import { mainCharts, phaseChart } from './main-charts.ts';
import { escapeText } from './harmless.ts';
import type { RunRecord, Series } from './run-record.ts';
import { processTable, serverTable } from './server-tables.ts';
import { driftTable, headRows, latencyTable, soundnessTable, uslSentence } from './tables.ts';
import { tuningTables } from './tuning-tables.ts';

/** The report as one file that needs no other: the verdict in a sentence, the curve, the gates, then everything else, folded. */
export function htmlReport(run: RunRecord): string {
  return page(
    `${run.experiment}: ${run.verdict}, ${run.id}`,
    [
      headerOf(run),
      '<main>',
      pictures(run),
      gatesSection(run),
      endpointsSection(run),
      detailsOf(run),
      '</main>',
      run.series.length === 0 ? '' : footer,
    ].join('\n'),
  );
}

function headerOf(run: RunRecord): string {
  const { sentence, figures, next } = headlineOf(run);
  const { shape, word } = verdictLooks[run.verdict];
  const target = run.target === undefined ? '' : ` · <bdi>${escapeText(run.target)}</bdi>`;
  return `<header>
<p class="kicker"><b>rampart lab ${escapeText(run.experiment)}</b> · ${escapeText(dayOf(run.startedAt))}${target} · commit ${escapeText(run.commit)}</p>
<h1><span class="badge ${run.verdict}"><span aria-hidden="true">${shape}</span>${word}</span>${escapeText(sentence)}</h1>
<p class="next"><b>Next:</b> ${escapeText(next)}</p>
${figureList(figures)}
</header>`;
}

/** 2026-11-27 16:31 UTC. */
const dayOf = (startedAt: string): string => `${startedAt.slice(0, 10)} ${startedAt.slice(11, 16)} UTC`;

function pictures(run: RunRecord): string {
  const charts = mainCharts(run);
  const [first] = charts;
  if (first === undefined)
    return run.tables === undefined
      ? '<h2>The curve</h2><p class="note">There is none, as no load was measured.</p>'
      : '';
  return `<section aria-label="The curve"><h2>${escapeText(titleOf(run, first))}</h2>${charts.map(largeChart).join('\n')}</section>`;
}

function titleOf({ tuning, timelines, series }: RunRecord, { isWhole = false }: Chart): string {
  if (tuning !== undefined) return 'What each configuration served, and how fast';
  if (timelines !== undefined) return 'Over time';
  if (series.length === 0) return 'What was accepted at each rate';
  return isWhole ? 'What each run measured' : 'What each load did';
}

function gatesSection({ gates, verdict }: RunRecord): string {
  if (gates.length === 0) {
    const why = verdict === 'invalid' ? 'No gate was judged.' : 'This run has no gate: nothing was asked of it.';
    return `<h2>Gates</h2><p class="note">${why}</p>`;
  }
  const failed = gates.filter(({ passed }) => !passed).length;
  const rows = gates
    // Those that failed come first.
    .toSorted((left, right) => Number(left.passed) - Number(right.passed))
    .map(({ name, expected, got, passed }) => {
      const { shape, word } = verdictLooks[passed ? 'passed' : 'failed'];
      const doubt = verdict === 'invalid' ? ', not counted' : '';
      const look = verdict === 'invalid' ? 'invalid' : passed ? 'passed' : 'failed';
      return `<tr${look === 'failed' ? ' class="lost"' : ''}><td class="verdict ${look}"><span aria-hidden="true">${shape}</span> ${word}${doubt}</td><td>${escapeText(name)}</td><td data-label="expected">${escapeText(expected)}</td><td data-label="got">${escapeText(got)}</td></tr>`;
    });
  const heads = ['verdict', 'gate', 'expected', 'got'].map((head) => `<th scope="col">${head}</th>`);
  const words =
    verdict === 'invalid'
      ? 'not counted'
      : failed === 0
        ? `${gates.length === 1 ? 'it' : `all ${gates.length}`} passed`
        : `${failed} of ${gates.length} failed`;
  return `<section><h2>${gates.length === 1 ? 'The gate' : 'Gates'}: ${words}</h2><table class="gates"><thead><tr>${heads.join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></section>`;
}

const MOST_OPEN = 6;

function endpointsSection(run: RunRecord): string {
  const groups = run.series
    .map((series) => ({ series, charts: endpointCharts(run, series) }))
    .filter(({ charts }) => charts.length > 0);
  if (groups.length === 0) return '';
  const drawn = groups.map(({ series, charts }) => {
    const heading = groups.length === 1 ? '' : `<h3><bdi>${escapeText(series.name)}</bdi></h3>`;
    return `${heading}<div class="grid-of-charts">${charts.map(endpointFigure).join('\n')}</div>`;
  });
  const all = groups.flatMap(({ charts }) => charts);
  const missed = all.filter(({ isKept }) => !isKept).length;
  const note = `${all.length} curves${missed === 0 ? '' : `, ${missed} of which miss their target at some load`}`;
  return `<section><h2>Each endpoint, with its own target</h2>${
    all.length <= MOST_OPEN ? drawn.join('\n') : folded('The endpoints', drawn.join('\n'), { note, isOpen: missed > 0 })
  }</section>`;
}

const endpointFigure = ({ endpoint, chart }: EndpointChart): string => smallChart(chart, endpoint);

function detailsOf(run: RunRecord): string {
  const tables = [...(run.tables ?? []), ...tuningTables(run.tuning)];
  return `<section><h2>Details</h2>
${run.findings.length === 0 ? '' : folded('What was found', `<ul class="findings">${run.findings.map((finding) => `<li>${escapeText(finding)}</li>`).join('\n')}</ul>`)}
${run.reasons.length < 2 ? '' : folded('Why it is invalid', `<ul class="findings">${run.reasons.map((reason) => `<li>${escapeText(reason)}</li>`).join('\n')}</ul>`)}
${run.drifts === undefined || run.drifts.length === 0 ? '' : folded('Drift', dataTable(driftTable(run), 'Drift'))}
${tables.map((each) => folded(each.title, dataTable(each, each.title))).join('\n')}
${run.series.map((series) => seriesDetails(series, run.timelines === undefined)).join('\n')}
${folded('What ran, where, and with what', headTable(headRows(run)))}
</section>`;
}

/** `isOverLoad`: its steps are loads that grow, rather than phases of a run. */
function seriesDetails(series: Series, isOverLoad: boolean): string {
  const { name, limit } = series;
  const settings = Object.entries(series.settings).map(([setting, value]) => `${setting}=${value}`);
  const usl = uslSentence(series);
  const phases = isOverLoad ? phaseChart(series) : undefined;
  const parts = [
    ['Latency and outcomes of each load', latencyTable(series)],
    ['How each load was measured', soundnessTable(series)],
    ['Percentiles of each endpoint', endpointTable(series)],
    ['What the server said of itself', serverTable(series)],
    ['Its processes', processTable(series)],
  ] as const;
  const content = [
    `<p>Limited by ${escapeText(limit)}.${usl === undefined ? '' : ` ${escapeText(usl)}.`}</p>`,
    ...(settings.length === 0 ? [] : [`<p class="note"><code>${escapeText(settings.join('  '))}</code></p>`]),
    ...(phases === undefined ? [] : [`<h3>Where the time goes</h3>${largeChart(phases)}`]),
    ...parts.flatMap(([title, table]) =>
      table === undefined || table.rows.length === 0
        ? []
        : [`<h3>${title}</h3>${dataTable(table, `${title}: ${name}`)}`],
    ),
  ];
  return folded(name, content.join('\n'), { note: `limited by ${limit}` });
}

const footer = `<footer class="note"><p>* held for longer, to confirm. Latencies are of successes, from the moment at which each request was due. <i>Under way</i>:
requests in flight on average, as counted. <i>wait</i> and <i>exec</i>: means of what Server-Timing says. <i>machine</i>: share of all
processors in use; <i>others</i>: of that, neither the target nor the lab; <i>sender</i>: processor time of the lab itself.</p></footer>`;
