import { loadSlo } from '../config/slo-load.ts';
import { ownEndpoints } from '../config/own-routes.ts';
import type { Config } from '../config/model.ts';
import { nearestName } from '../core/nearest-name.ts';
import { UsageError } from '../core/errors.ts';
import { boundsWith } from '../metrics/latency-bounds.ts';
import { endpointRules } from '../policy/slo/degradation.ts';
import { impossibleAlerts } from '../policy/slo/impossible-alerts.ts';
import { type EndpointSlo, p95TargetMs, type Slo } from '../policy/slo/slo.ts';
import { latencyThresholdsMs } from '../policy/slo/thresholds.ts';
import type { CommandIo } from './io.ts';

/** The SLO file of this folder, with a remark for what can never be counted or fire. Throws a UsageError for a file that is wrong. */
export function sloOf(
  config: SloPlace,
  io: Pick<CommandIo, 'folder'>,
  remark: (text: string) => void,
): Slo | undefined {
  const slo = loaded(config, io);
  if (slo === undefined) return undefined;
  for (const text of [...impossibleAlerts(slo), ...sloRemarks(slo, config)]) remark(`SLO: ${text}`);
  return slo;
}

/** Remarks for `rampart check`, which also refuses an alert that could never fire. */
export function checkedSlo(config: SloPlace, io: Pick<CommandIo, 'folder'>): string[] {
  const slo = loaded(config, io);
  if (slo === undefined) return [];
  const impossible = impossibleAlerts(slo);
  if (impossible.length > 0) throw new UsageError('The SLO file promises what no alert could watch:', impossible);
  return sloRemarks(slo, config).map((text) => `SLO: ${text}`);
}

/** The SLO file for rules of Prometheus, with remarks. Throws a UsageError also for what no rule could compute. */
export function sloForRules(
  config: SloPlace,
  io: Pick<CommandIo, 'folder'>,
): { readonly slo: Slo; readonly bounds: readonly number[]; readonly remarks: readonly string[] } {
  const slo = loaded(config, io);
  if (slo === undefined)
    throw new UsageError(
      'Cannot write rules, as there is no SLO file: write slo.yaml in this folder, or name one with --slo or RAMPART_SLO (docs/slo.md)',
    );
  const bounds = boundsWith(latencyThresholdsMs(slo));
  const problems = [...impossibleAlerts(slo), ...slo.endpoints.flatMap((endpoint) => boundRemarks(endpoint, bounds))];
  if (problems.length > 0) throw new UsageError('Cannot write rules for promises that no alert could watch:', problems);
  return { slo, bounds, remarks: sloRemarks(slo, config).map((text) => `SLO: ${text}`) };
}

type SloPlace = Pick<Config, 'routes'> & { readonly env: Pick<Config['env'], 'RAMPART_SLO'> };

function loaded({ env }: SloPlace, { folder }: Pick<CommandIo, 'folder'>): Slo | undefined {
  const { slo, problems } = loadSlo(env.RAMPART_SLO, folder);
  if (problems.length > 0) throw new UsageError('Cannot use the SLO file:', problems);
  return slo;
}

/** Remarks on endpoints that no route has, latencies between the bounds of the histogram, and limits that nothing can exceed. */
function sloRemarks({ endpoints }: Slo, { routes }: SloPlace): string[] {
  const bounds = boundsWith(latencyThresholdsMs({ endpoints }));
  const known = [...new Set([...routes.map(({ endpoint }) => endpoint), ...ownEndpoints])];
  return endpoints.flatMap((endpoint) => {
    const { id, objectives, hitRateTarget } = endpoint;
    if (objectives.length === 0 && hitRateTarget === undefined) return [];
    if (!known.includes(id)) {
      const near = nearestName(id, known);
      return [
        `no route has the endpoint ${id}, so nothing counts for it${near === undefined ? '' : `; did you mean ${near}?`}`,
      ];
    }
    return [...boundRemarks(endpoint, bounds), ...cacheRemarks(endpoint, routes), ...limitRemarks(endpoint, bounds)];
  });
}

/** A remark on a hit rate whose route has no cache. */
function cacheRemarks({ id, hitRateTarget }: EndpointSlo, routes: Config['routes']): string[] {
  const own = routes.filter(({ endpoint }) => endpoint === id);
  if (hitRateTarget === undefined || own.length === 0 || own.some(({ cache }) => cache !== undefined)) return [];
  return [`${id}: its route has no cache, so hit_rate counts nothing; what would work: cache: {} in the route`];
}

/** Remarks on alerts above the last bound of the histogram, where every reply counts as fast. */
function limitRemarks(endpoint: EndpointSlo, bounds: readonly number[]): string[] {
  const lastMs = (bounds.at(-1) ?? 0) * 1000;
  const most = Number((lastMs / (p95TargetMs(endpoint) ?? 0)).toFixed(2));
  return endpointRules(endpoint).flatMap(({ kind, slowerThanMs = 0 }) =>
    slowerThanMs <= lastMs
      ? []
      : [
          `${endpoint.id}: the alert ${kind} > ${slowerThanMs} ms can never fire: the last bound of rampart_latency_seconds is ${lastMs} ms; what would work: a ${kind}_factor up to ${most}`,
        ],
  );
}

const boundRemarks = ({ id, objectives }: EndpointSlo, bounds: readonly number[]): string[] =>
  objectives.flatMap((one) => (one.sli === 'latency' ? (boundRemark(id, one.withinMs, bounds) ?? []) : []));

function boundRemark(id: string, withinMs: number, seconds: readonly number[]): string | undefined {
  const bounds = seconds.map((bound) => Math.round(bound * 1e6) / 1000);
  if (bounds.includes(withinMs)) return undefined;
  const below = bounds.findLast((bound) => bound < withinMs);
  const above = bounds.find((bound) => bound > withinMs);
  const near = [below, above].flatMap((bound) => (bound === undefined ? [] : `${bound}ms`)).join(' or ');
  const counted = below === undefined ? 'every reply counts as bad' : `replies over ${below} ms count as bad`;
  return `${id}: ${withinMs}ms is no bound of rampart_latency_seconds, so ${counted}; what would work: ${near}`;
}
