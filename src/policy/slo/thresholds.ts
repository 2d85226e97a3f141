import { endpointRules } from './degradation.ts';
import { p95TargetMs, type Slo } from './slo.ts';

/** The latencies in milliseconds that objectives and alerts compare with, which histograms need as bounds. */
export const latencyThresholdsMs = ({ endpoints }: Pick<Slo, 'endpoints'>): number[] =>
  endpoints.flatMap((endpoint) => {
    const promised = endpoint.objectives.flatMap((one) => (one.sli === 'latency' ? [one.withinMs] : []));
    const limits = endpointRules(endpoint).map(({ slowerThanMs }) => slowerThanMs);
    return [...promised, p95TargetMs(endpoint), ...limits].filter((ms) => ms !== undefined);
  });
