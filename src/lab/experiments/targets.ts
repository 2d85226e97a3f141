import type { EndpointGate, Slo } from '../../policy/slo/slo.ts';
import type { EndpointFigures, Figures } from '../measure/figures.ts';
import type { Gate, PlotMarks, SeriesTargets } from '../report/run-record.ts';
import { known } from '../report/tables.ts';
import type { OutcomeName } from '../load/outcome.ts';
import type { Step } from './step.ts';

/** The targets of a load that counts as carried. */
export interface Targets {
  readonly p95Ms: number;
  /** Errors and refusals, together, as a share of requests. */
  readonly maxFailedShare: number;
  /** The targets of each endpoint of a mix, in place of the two above. */
  readonly endpoints?: Readonly<Record<string, EndpointGate>>;
}

export const endpointTargets = ({ endpoints }: Slo): Readonly<Record<string, EndpointGate>> =>
  Object.fromEntries(endpoints.filter(({ weight }) => weight > 0).map(({ id, gate }) => [id, gate]));

/** The p95 target of a request: that of its endpoint if there are several endpoints, and infinite if that endpoint has none. */
export function p95TargetOf({ p95Ms, endpoints }: Targets): (endpoint: string) => number {
  return endpoints === undefined ? () => p95Ms : (endpoint) => endpoints[endpoint]?.p95Ms ?? Number.POSITIVE_INFINITY;
}

/** The strictest of them, by which the sender's own lag is judged. */
export function strictestP95Ms({ p95Ms, endpoints }: Targets): number {
  const asked = Object.values(endpoints ?? {}).flatMap((gate) => gate.p95Ms ?? []);
  return asked.length === 0 ? p95Ms : Math.min(...asked);
}

/** The target of all requests together, for the knee: none where endpoints have different ones. */
export function commonP95Ms({ p95Ms, endpoints }: Targets): number {
  if (endpoints === undefined) return p95Ms;
  const asked = new Set(Object.values(endpoints).map((gate) => gate.p95Ms));
  return asked.size === 1 ? ([...asked][0] ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
}

/** The same in the record of a run, so that its report can judge each load. */
export const seriesTargets = ({ p95Ms, maxFailedShare, endpoints }: Targets): SeriesTargets =>
  endpoints === undefined ? { all: { p95Ms, maxFailedShare } } : { endpoints };

/** Lines to compare p95 with in a plot. */
export function p95Marks(series: string, { p95Ms, endpoints }: Targets): PlotMarks['p95'] {
  if (endpoints === undefined) return [{ name: `target: ${p95Ms}`, series, y: p95Ms }];
  return Object.entries(endpoints).flatMap(([name, gate]) =>
    gate.p95Ms === undefined ? [] : [{ name: `target of ${name}: ${gate.p95Ms}`, series, y: gate.p95Ms }],
  );
}

/** Why a load was not carried; empty when it was. */
export function violations({ figures, endpoints }: Pick<Step, 'figures' | 'endpoints'>, targets: Targets): string[] {
  if (targets.endpoints === undefined) return violationsOf(figures, gateOf(targets));
  return endpoints.flatMap((each) =>
    violationsOf(each, targets.endpoints?.[each.endpoint]).map((wrong) => `${each.endpoint}: ${wrong}`),
  );
}

const gateOf = ({ p95Ms, maxFailedShare }: Targets): EndpointGate => ({
  p95Ms,
  maxFailedShare,
  p99Ms: undefined,
  maxTimeouts: undefined,
});

/** Why figures miss a gate; without one, because nothing succeeded. */
export function violationsOf(
  { latency, errorShare, refusedShare, outcomes }: Figures,
  gate: EndpointGate | undefined,
): string[] {
  const { p95Ms, p99Ms, maxFailedShare, maxTimeouts } = gate ?? gateOf({ p95Ms: Infinity, maxFailedShare: 1 });
  const found: string[] = [];
  if (maxFailedShare !== undefined && errorShare + refusedShare > maxFailedShare) {
    found.push(
      `${(errorShare * 100).toFixed(1)} % errors${kindsOf(outcomes)} and ${(refusedShare * 100).toFixed(1)} % refusals`,
    );
  }
  const timeouts = outcomes.timeout ?? 0;
  if (maxTimeouts !== undefined && timeouts > maxTimeouts) found.push(`${timeouts} timeouts`);
  // Without a success there is no latency, so the target is missed.
  if (p95Ms !== undefined && !(latency.p95Ms <= p95Ms)) found.push(`p95 ${known(latency.p95Ms, 1, ' ms')}`);
  if (p99Ms !== undefined && !(latency.p99Ms <= p99Ms)) found.push(`p99 ${known(latency.p99Ms, 1, ' ms')}`);
  return found;
}

const errorKinds = [
  '4xx',
  '5xx',
  'wrong-reply',
  'timeout',
  'connection-error',
] as const satisfies readonly OutcomeName[];

/** Which errors, as what to do about them differs. */
function kindsOf(outcomes: Figures['outcomes']): string {
  const kinds = errorKinds.flatMap((kind) => ((outcomes[kind] ?? 0) > 0 ? [`${outcomes[kind]} × ${kind}`] : []));
  return kinds.length === 0 ? '' : ` (${kinds.join(', ')})`;
}

/** The gates of a load, one for each endpoint; `step` undefined where the load was never offered. */
export function gatesAt(name: string, step: Step | undefined, targets: Targets): Gate[] {
  const gate = (label: string, expected: string, wrong: readonly string[], figures: Figures | undefined): Gate => ({
    name: label,
    expected,
    got:
      wrong.length === 0 && figures !== undefined ? `p95 ${known(figures.latency.p95Ms, 1, ' ms')}` : wrong.join('; '),
    passed: wrong.length === 0,
  });
  const never = ['it was never offered: the ramp was stopped before it'];
  if (targets.endpoints === undefined) {
    return [
      gate(name, describeTargets(targets), step === undefined ? never : violations(step, targets), step?.figures),
    ];
  }
  return Object.entries(targets.endpoints).map(([endpoint, each]) => {
    const figures = step?.endpoints.find((known: EndpointFigures) => known.endpoint === endpoint);
    return gate(
      `${endpoint} at ${name}`,
      describeGate(each),
      figures === undefined ? never : violationsOf(figures, each),
      figures,
    );
  });
}

export function describeTargets(targets: Targets): string {
  if (targets.endpoints === undefined) return describeGate(gateOf(targets));
  return Object.entries(targets.endpoints)
    .map(([endpoint, gate]) => `${endpoint}: ${describeGate(gate)}`)
    .join('; ');
}

function describeGate({ p95Ms, p99Ms, maxFailedShare, maxTimeouts }: EndpointGate): string {
  const parts = [
    ...(p95Ms === undefined ? [] : [`p95 at most ${p95Ms} ms`]),
    ...(p99Ms === undefined ? [] : [`p99 at most ${p99Ms} ms`]),
    ...(maxFailedShare === undefined
      ? []
      : [`errors and refusals at most ${Number((maxFailedShare * 100).toPrecision(6))} %`]),
    ...(maxTimeouts === undefined ? [] : [maxTimeouts === 0 ? 'no timeout' : `at most ${maxTimeouts} timeouts`]),
  ];
  return parts.length === 0 ? 'anything' : parts.join(', ');
}
