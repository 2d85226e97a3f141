import type { Table } from './table.ts';
import type { Step } from '../experiments/step.ts';
import { outcomes } from '../load/outcome.ts';
import type { EndpointFigures } from '../measure/figures.ts';
import type { Series } from './run-record.ts';
import { number } from './tables.ts';

/** Percentiles and outcomes of each endpoint at each load, the successes first. */
export function endpointTable({ loadUnit, steps, confirmations }: Series): Table {
  const loads = [
    ...steps.map((step) => ({ step, load: number(step.load.amount) })),
    ...confirmations.map((step) => ({ step, load: `${number(step.load.amount)}*` })),
  ];
  const seen = outcomes.filter((outcome) => loads.some(({ step }) => countOf(step, outcome) > 0));
  const row = (load: string, { endpoint, latency, outcomes: counts }: EndpointFigures): string[] => [
    load,
    endpoint,
    ...[latency.p50Ms, latency.p90Ms, latency.p95Ms, latency.p99Ms, latency.p999Ms, latency.maxMs].map((ms) =>
      number(ms, 1),
    ),
    ...seen.map((outcome) => String(counts[outcome] ?? 0)),
  ];
  return {
    columns: [loadUnit, 'endpoint', 'p50 ms', 'p90 ms', 'p95 ms', 'p99 ms', 'p99.9 ms', 'max ms', ...seen],
    rows: loads.flatMap(({ load, step }) => step.endpoints.map((each) => row(load, each))),
  };
}

const countOf = ({ figures }: Step, outcome: (typeof outcomes)[number]): number => figures.outcomes[outcome] ?? 0;
