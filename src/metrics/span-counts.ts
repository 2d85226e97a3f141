import type { Counter, Family, Registry } from './instruments.ts';

/** Spans of traces by what became of them: `sent`, `rejected` by the collector, or `dropped` on their way. */
export const spanCounts = (registry: Registry): Family<Counter> =>
  registry.counter('rampart_spans_total', 'Spans of traces by what became of them', 'result');
