import type { Slo } from '../../policy/slo/slo.ts';
import { promDuration, quoted } from './promql.ts';

interface PanelQuery {
  readonly expr: string;
  readonly legend: string;
}

export interface PanelShape {
  readonly title: string;
  readonly description: string;
  readonly type: 'timeseries' | 'stat' | 'table';
  readonly unit: string;
  readonly queries: readonly PanelQuery[];
  /** Of 24 columns. */
  readonly width: number;
  /** Below the first all is well, above the last it is not; undefined where there is no limit. */
  readonly steps?: readonly (readonly [color: string, value: number | null])[];
}

export interface DashboardRow {
  readonly title: string;
  readonly panels: readonly PanelShape[];
}

const query = (expr: string, legend: string): PanelQuery => ({ expr, legend });

/** The promises, and the rest of their budgets. */
const promiseRow = (slo: Slo): DashboardRow => ({
  title: 'Objectives',
  panels: [...budgetPanels(slo), firingPanel, ...eventPanels(slo)],
});

const ofService = ({ service }: Slo): string => `{sloth_service=${quoted(service)},endpoint=~"$endpoint"}`;

function budgetPanels(slo: Slo): PanelShape[] {
  const of = ofService(slo);
  return [
    {
      title: 'Error budget left',
      description: `Of ${promDuration(slo.windowMs)}; below 0 more is used up than there was`,
      type: 'stat',
      unit: 'percentunit',
      width: 8,
      steps: [
        ['red', null],
        ['orange', 0],
        ['green', 0.2],
      ],
      queries: [query(`slo:period_error_budget_remaining:ratio${of}`, '{{sloth_slo}}')],
    },
    {
      title: 'Burn rate',
      description: 'How many times as fast as promised the budget is used up, over an hour; 14.4 pages',
      type: 'timeseries',
      unit: 'none',
      width: 8,
      steps: [
        ['green', null],
        ['orange', 1],
        ['red', 14.4],
      ],
      queries: [
        query(
          `slo:sli_error:ratio_rate1h${of} / on (sloth_id) group_left () slo:error_budget:ratio${of}`,
          '{{sloth_slo}}',
        ),
      ],
    },
  ];
}

const firingPanel: PanelShape = {
  title: 'Firing alerts',
  description: 'Each names its section of the runbook by its cause',
  type: 'table',
  unit: 'none',
  width: 8,
  queries: [query('ALERTS{alertstate="firing",alertname=~"Rampart.*|SloHistoryTooShort"}', '{{alertname}}')],
};

function eventPanels(slo: Slo): PanelShape[] {
  const of = ofService(slo);
  return [
    {
      title: 'Bad events',
      description: 'The share of the last five minutes',
      type: 'timeseries',
      unit: 'percentunit',
      width: 12,
      queries: [query(`slo:sli_error:ratio_rate5m${of}`, '{{sloth_slo}}')],
    },
    {
      title: 'Refused to keep the promise',
      description: 'Refusals with Retry-After in five minutes; they count neither as good nor as bad',
      type: 'timeseries',
      unit: 'short',
      width: 12,
      queries: [query(`slo:sli_shed:increase5m${of}`, '{{endpoint}}')],
    },
  ];
}

const RATE = '$__rate_interval';
const ENDPOINT = 'endpoint=~"$endpoint"';

const quantile = (q: number): PanelQuery =>
  query(
    `histogram_quantile(${q}, sum by (endpoint, le) (rate(rampart_latency_seconds_bucket{${ENDPOINT}}[${RATE}])))`,
    `{{endpoint}} p${q * 100}`,
  );

/** Rate, errors, duration. */
const requestRow: DashboardRow = {
  title: 'Requests',
  panels: [
    {
      title: 'Requests',
      description: 'Replies a second',
      type: 'timeseries',
      unit: 'reqps',
      width: 8,
      queries: [query(`sum by (endpoint) (rate(rampart_requests_total{${ENDPOINT}}[${RATE}]))`, '{{endpoint}}')],
    },
    {
      title: 'Errors and refusals',
      description: 'By status 5xx, and refusals by reason',
      type: 'timeseries',
      unit: 'reqps',
      width: 8,
      queries: [
        query(
          `sum by (endpoint, status) (rate(rampart_requests_total{${ENDPOINT},status=~"5.."}[${RATE}]))`,
          '{{endpoint}} {{status}}',
        ),
        query(`sum by (reason) (rate(rampart_rejections_total{${ENDPOINT}}[${RATE}]))`, '{{reason}}'),
      ],
    },
    {
      title: 'Latency',
      description: 'From the request to the last byte',
      type: 'timeseries',
      unit: 's',
      width: 8,
      queries: [quantile(0.5), quantile(0.95), quantile(0.99)],
    },
  ],
};

/** Use and saturation. */
const resourceRow: DashboardRow = {
  title: 'Resources',
  panels: [
    {
      title: 'Backends',
      description: 'Requests in flight as a share of the cap',
      type: 'timeseries',
      unit: 'percentunit',
      width: 8,
      queries: [
        query(
          'sum by (upstream) (rampart_backend_in_flight) / sum by (upstream) (rampart_backend_cap)',
          '{{upstream}}',
        ),
      ],
    },
    {
      title: 'Waiting requests',
      description: 'In the admission queues',
      type: 'timeseries',
      unit: 'short',
      width: 8,
      queries: [query('sum by (upstream) (rampart_queue_depth)', '{{upstream}}')],
    },
    {
      title: 'Processors',
      description: 'Used by each role',
      type: 'timeseries',
      unit: 'none',
      width: 8,
      queries: [query(`sum by (role) (rate(rampart_process_cpu_seconds_total[${RATE}]))`, '{{role}}')],
    },
    {
      title: 'Event loop delay',
      description: 'The worst process of each role, p99',
      type: 'timeseries',
      unit: 's',
      width: 8,
      queries: [query('max by (role) (rampart_event_loop_delay_seconds{quantile="0.99"})', '{{role}}')],
    },
    {
      title: 'Database connections',
      description: 'Busy ones as a share of the most',
      type: 'timeseries',
      unit: 'percentunit',
      width: 8,
      queries: [
        query(
          'sum by (role) (rampart_db_pool_connections{state="busy"}) / sum by (role) (rampart_db_pool_connections{state="max"})',
          '{{role}}',
        ),
      ],
    },
    {
      title: 'Cache hits',
      description: 'Of the look-ups, without bypass',
      type: 'timeseries',
      unit: 'percentunit',
      width: 8,
      queries: [
        query(
          `sum by (endpoint) (rate(rampart_cache_requests_total{${ENDPOINT},result=~"hit|stale|collapsed"}[${RATE}])) / sum by (endpoint) (rate(rampart_cache_requests_total{${ENDPOINT},result!="bypass"}[${RATE}]))`,
          '{{endpoint}}',
        ),
      ],
    },
  ],
};

/** Objectives first, then rates, errors and durations, then what is used. */
export const dashboardRows = (slo: Slo): DashboardRow[] => [promiseRow(slo), requestRow, resourceRow];
