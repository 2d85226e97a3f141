import type { LoadReport } from '../../policy/balance/backend-load.ts';

const IN_FLIGHT = 'named_metrics.in_flight=';
const SLOTS = 'named_metrics.slots=';
/** No real backend has more slots or requests than this; a report with more is ignored. */
const MOST = 1e6;
const UTILIZATION = 'application_utilization=';

/**
 * The load that a backend reports in `endpoint-load-metrics` (ORCA, text form); undefined if the report does not give
 * the requests in flight. Requests that queue in the backend count, too: a utilization above 1 shows them.
 */
export function readLoadReport(header: string): LoadReport | undefined {
  const inFlight = numberAfter(header, IN_FLIGHT);
  if (inFlight === undefined) return undefined;
  const slots = numberAfter(header, SLOTS);
  const utilization = numberAfter(header, UTILIZATION) ?? 0;
  return { inFlight: Math.min(MOST, Math.max(inFlight, Math.round(utilization * (slots ?? 0)))), slots };
}

function numberAfter(header: string, name: string): number | undefined {
  const at = header.indexOf(name);
  if (at === -1) return undefined;
  const value = Number.parseFloat(header.slice(at + name.length));
  return value >= 0 && value <= MOST ? value : undefined;
}
