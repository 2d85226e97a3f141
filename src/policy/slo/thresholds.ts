import { p95TargetMs, type Slo } from './slo.ts';

/** The latencies in milliseconds that objectives and alerts compare with, which histograms need as bounds. */
export function latencyThresholdsMs({ endpoints }: Pick<Slo, 'endpoints'>): number[] {
  return endpoints.flatMap(({ objectives, gate, alerts }) => {
    const targetMs = p95TargetMs({ gate, objectives });
    const limits = targetMs === undefined ? [] : [targetMs, alerts.p95Factor * targetMs, alerts.p99Factor * targetMs];
    return [...objectives.flatMap((one) => (one.sli === 'latency' ? [one.withinMs] : [])), ...limits];
  });
}
