import { violationsOf } from '../experiments/targets.ts';
import type { Step } from '../experiments/step.ts';
import type { EndpointGate } from '../../policy/slo/slo.ts';
import type { Figures } from '../measure/figures.ts';
import type { PointState } from './chart-model.ts';
import type { RunRecord, Series, SeriesTargets } from './run-record.ts';
import { percent } from './tables.ts';

/** The result of a load, and its reason. */
export interface Judgement {
  readonly state: PointState | undefined;
  readonly note: string | undefined;
}

/** The targets by which the loads of a series are judged; runs of earlier versions have them in their marks alone. */
export function targetsOf(
  { marks, configuration }: Pick<RunRecord, 'marks' | 'configuration'>,
  series: Series,
): SeriesTargets {
  if (series.targets !== undefined) return series.targets;
  const text = configuration['targets'] ?? '';
  const endpoints: Record<string, Partial<EndpointGate>> = {};
  let all: Partial<EndpointGate> | undefined;
  for (const { name, series: of, y } of marks.p95) {
    if (of !== series.name) continue;
    const endpoint = /^target of (.*): [\d.]+$/s.exec(name)?.[1];
    if (endpoint !== undefined) endpoints[endpoint] = { p95Ms: y };
    else if (name.startsWith('target: ')) all = { p95Ms: y, ...failedShareIn(text) };
  }
  return { ...(all === undefined ? {} : { all }), ...(Object.keys(endpoints).length === 0 ? {} : { endpoints }) };
}

function failedShareIn(text: string): Partial<EndpointGate> {
  const share = /errors and refusals at most ([\d.]+) %/.exec(text)?.[1];
  return share === undefined ? {} : { maxFailedShare: Number(share) / 100 };
}

/** Whether a load kept the targets of its series. */
export function judged(step: Step, { all, endpoints }: SeriesTargets): Judgement {
  if (!step.validity.valid) return { state: 'invalid', note: step.validity.reasons[0] };
  const wrong =
    endpoints === undefined
      ? wrongIn(step.figures, all)
      : step.endpoints.flatMap((each) =>
          wrongIn(each, endpoints[each.endpoint]).map((text) => `${each.endpoint}: ${text}`),
        );
  if (wrong.length > 0) return { state: 'missed', note: wrong.join('; ') };
  return { state: all === undefined && endpoints === undefined ? undefined : 'kept', note: failedNote(step.figures) };
}

/** The highest load that kept the targets of its series. */
export function mostCarried(run: RunRecord, series: Series): Step | undefined {
  const targets = targetsOf(run, series);
  return series.steps
    .filter((step) => judged(step, targets).state === 'kept')
    .toSorted((left, right) => right.load.amount - left.load.amount)[0];
}

/** The highest load at which one endpoint kept its own targets. */
export function judgedEndpoint(
  figures: Figures,
  isValid: boolean,
  targets: Partial<EndpointGate> | undefined,
): Judgement {
  if (!isValid) return { state: 'invalid', note: undefined };
  const wrong = wrongIn(figures, targets);
  if (wrong.length > 0) return { state: 'missed', note: wrong.join('; ') };
  return { state: targets === undefined ? undefined : 'kept', note: failedNote(figures) };
}

function failedNote({ errorShare, refusedShare }: Figures): string | undefined {
  const parts = [
    ...(errorShare > 0 ? [`${percent(errorShare)} errors`] : []),
    ...(refusedShare > 0 ? [`${percent(refusedShare)} refused`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

const wrongIn = (figures: Figures, targets: Partial<EndpointGate> | undefined): string[] =>
  targets === undefined
    ? []
    : violationsOf(figures, {
        p95Ms: undefined,
        p99Ms: undefined,
        maxFailedShare: undefined,
        maxTimeouts: undefined,
        ...targets,
      });
