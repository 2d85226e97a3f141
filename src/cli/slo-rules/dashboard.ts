import { contentHash } from '../../core/canonical-json.ts';
import type { Slo } from '../../policy/slo/slo.ts';
import { type DashboardRow, dashboardRows, type PanelShape } from './dashboard-rows.ts';

type Json = Readonly<Record<string, unknown>>;

const source = { type: 'prometheus', uid: '${datasource}' } as const;
const HEIGHT = 8;
function panelOf({ title, description, type, unit, queries, steps }: PanelShape, id: number, gridPos: Json): Json {
  return {
    id,
    title,
    description,
    type,
    datasource: source,
    gridPos,
    fieldConfig: {
      defaults: {
        unit,
        thresholds: {
          mode: 'absolute',
          steps: (steps ?? [['blue', null]]).map(([color, value]) => ({ color, value })),
        },
      },
      overrides: [],
    },
    options:
      type === 'timeseries'
        ? { legend: { displayMode: 'table', placement: 'bottom' }, tooltip: { mode: 'multi' } }
        : {},
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: source,
      expr,
      legendFormat: legend,
      ...(type === 'table' ? { format: 'table', instant: true } : {}),
    })),
  };
}

/** Rows one below the other, panels from left to right. */
function panelsOf(rows: readonly DashboardRow[]): Json[] {
  const panels: Json[] = [];
  let y = 0;
  for (const { title, panels: shapes } of rows) {
    panels.push({
      id: panels.length + 1,
      title,
      type: 'row',
      collapsed: false,
      gridPos: { x: 0, y, w: 24, h: 1 },
      panels: [],
    });
    y++;
    let x = 0;
    for (const shape of shapes) {
      if (x + shape.width > 24) [x, y] = [0, y + HEIGHT];
      panels.push(panelOf(shape, panels.length + 1, { x, y, w: shape.width, h: HEIGHT }));
      x += shape.width;
    }
    y += HEIGHT;
  }
  return panels;
}

const variables: readonly Json[] = [
  { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', current: {}, hide: 0 },
  {
    name: 'endpoint',
    label: 'Endpoint',
    type: 'query',
    datasource: source,
    query: { query: 'label_values(rampart_latency_seconds_count, endpoint)', refId: 'endpoint' },
    refresh: 2,
    includeAll: true,
    allValue: '.*',
    multi: true,
    current: { text: 'All', value: '$__all' },
    sort: 1,
  },
];

/** Marks through all charts. */
const annotations = {
  list: [
    {
      name: 'Configuration',
      datasource: source,
      enable: true,
      iconColor: 'blue',
      expr: 'changes(max(rampart_config_version)[2m:30s]) > 0',
      titleFormat: 'a new configuration',
    },
    {
      name: 'Restarts',
      datasource: source,
      enable: true,
      iconColor: 'orange',
      expr: 'sum by (role) (increase(rampart_restarts_total[2m])) > 0',
      titleFormat: '{{role}} restarted',
    },
  ],
};

/** A dashboard of Grafana, for a provisioned file as for an import by hand. */
export const dashboard = (slo: Slo): Json => ({
  id: null,
  // The same for the same service, so that a new file replaces the old one.
  uid: `rampart-${contentHash({ service: slo.service }).slice(0, 16)}`,
  title: `Rampart: ${slo.service}`,
  tags: ['rampart', 'slo'],
  schemaVersion: 37,
  editable: true,
  graphTooltip: 1,
  time: { from: 'now-6h', to: 'now' },
  timezone: 'browser',
  refresh: '30s',
  templating: { list: variables },
  annotations,
  panels: panelsOf(dashboardRows(slo)),
});
