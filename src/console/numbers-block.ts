import type { EndpointView, HostNumbers, LiveView } from '../protocol/live-view.ts';
import { h, setAttribute, setText, svg } from './dom.ts';
import { countText, msText, rateText, partText, sparkPath } from './format.ts';
import { Recent, SPARK_LENGTH } from './recent.ts';
import type { NumberNote, Why } from './why.ts';

/** One of the four numbers, as it is shown. */
export interface Figure {
  readonly value: string;
  readonly unit: string;
  /** What was promised, or what the number is made of. */
  readonly promise: string;
  /** Undefined where nothing was promised. */
  readonly isKept: boolean | undefined;
  /** Undefined where the last minute says nothing. */
  readonly spark: number | undefined;
  readonly reason: NumberNote;
}

const WINDOW = 'the last seconds, over all workers';

/** The endpoint that is nearest to its promise of p95, or farthest above it. */
export function tightest(
  endpoints: Readonly<Record<string, EndpointView>>,
): { name: string; p95Ms: number; targetMs: number } | undefined {
  return Object.entries(endpoints)
    .flatMap(([name, { p95Ms, targetP95Ms }]) =>
      typeof p95Ms === 'number' && typeof targetP95Ms === 'number' ? [{ name, p95Ms, targetMs: targetP95Ms }] : [],
    )
    .toSorted((left, right) => right.p95Ms / right.targetMs - left.p95Ms / left.targetMs)[0];
}

/** The endpoint with the least of its error budget left. */
export function poorest(endpoints: Readonly<Record<string, EndpointView>>): { name: string; left: number } | undefined {
  return Object.entries(endpoints)
    .flatMap(([name, { budgetLeft }]) => (typeof budgetLeft === 'number' ? [{ name, left: budgetLeft }] : []))
    .toSorted((left, right) => left.left - right.left)[0];
}

/** Value and unit apart, as they have different sizes. */
function split(text: string): { value: string; unit: string } {
  const [value = '', ...unit] = text.split(' ');
  return text.startsWith('<') ? { value: text, unit: '' } : { value, unit: unit.join(' ') };
}

export const headlineFigures: Readonly<Record<string, (view: LiveView) => Figure>> = {
  'Requests a second': ({ numbers }) => ({
    value: rateText(numbers.requestsPerSecond),
    unit: '/s',
    promise: `${countText(numbers.inFlight)} in flight, ${countText(numbers.queued)} waiting`,
    isKept: undefined,
    spark: numbers.requestsPerSecond,
    reason: {
      what: `Requests that ended, a second, in ${WINDOW}`,
      metric: 'rampart_requests_total',
      exact: `${numbers.requestsPerSecond} /s, ${numbers.streams} open streams`,
    },
  }),
  '95 % answered within': ({ numbers, endpoints }) => {
    const nearest = tightest(endpoints);
    return {
      ...split(msText(numbers.p95Ms)),
      promise:
        nearest === undefined
          ? p99Text(numbers)
          : `${nearest.name}: ${msText(nearest.p95Ms)} of ${msText(nearest.targetMs)} promised`,
      isKept: nearest === undefined ? undefined : nearest.p95Ms <= nearest.targetMs,
      spark: numbers.p95Ms ?? 0,
      reason: {
        what: `Latency at the gateway, p95, in ${WINDOW}`,
        metric: 'rampart_latency_seconds',
        exact: `p50 ${msText(numbers.p50Ms)}, p95 ${msText(numbers.p95Ms)}, p99 ${msText(numbers.p99Ms)}`,
      },
    };
  },
  'Refused a second': ({ numbers }) => ({
    value: rateText(numbers.refusedPerSecond),
    unit: '/s',
    promise: refusedText(numbers),
    isKept: numbers.refusedPerSecond === 0 ? undefined : false,
    spark: numbers.refusedPerSecond,
    reason: {
      what: `Requests that the gateway refused, a second, in ${WINDOW}`,
      metric: 'rampart_rejections_total',
      exact: `${numbers.refusedPerSecond} /s; errors ${partText(numbers.errorShare)} of all replies`,
    },
  }),
  'Error budget left': ({ endpoints }) => {
    const least = poorest(endpoints);
    return {
      ...split(partText(least?.left)),
      promise: least === undefined ? 'no objectives: see slo.yaml' : `least: ${least.name}`,
      isKept: least === undefined ? undefined : least.left > 0,
      spark: undefined,
      reason: {
        what: 'The part of the errors that the objectives of slo.yaml allow and that has not happened yet',
        metric: 'rampart_requests_total, rampart_latency_seconds',
        exact: least === undefined ? 'no objective' : `${least.name}: ${(least.left * 100).toFixed(2)} %`,
      },
    };
  },
};

const p99Text = ({ p99Ms }: HostNumbers): string =>
  typeof p99Ms === 'number' ? `99 % within ${msText(p99Ms)}` : 'no replies lately';

function refusedText({ refusedPerSecond, refusedBy }: HostNumbers): string {
  if (refusedPerSecond === 0) return 'nobody is turned away';
  const reasons = Object.entries(refusedBy).toSorted(([, left], [, right]) => right - left);
  return reasons
    .slice(0, 2)
    .map(([reason, rate]) => `${reason} ${rateText(rate)}`)
    .join(', ');
}

/** The four numbers with their promises. */
export class NumbersBlock {
  readonly element = h('section', { class: 'numbers', 'aria-label': 'Numbers' });
  readonly #show: ((view: LiveView) => void)[] = [];

  constructor(why: Why) {
    for (const [label, figureOf] of Object.entries(headlineFigures)) this.#add(label, figureOf, why);
  }

  show(view: LiveView): void {
    for (const show of this.#show) show(view);
  }

  #add(label: string, figureOf: (view: LiveView) => Figure, why: Why): void {
    const value = h('span', { class: 'value' }, '–');
    const unit = h('span', { class: 'unit' });
    const promise = h('p', { class: 'promise' }, ' ');
    const path = svg('path', { class: 'line' });
    const spark = svg(
      'svg',
      { class: 'spark', viewBox: '0 0 120 28', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      path,
    );
    const number = h('p', { class: 'number', role: 'group', 'aria-label': label }, value, unit);
    const recent = new Recent();
    let reason: NumberNote = { what: label, metric: '', exact: 'not known yet' };
    why.explain(number, () => reason);
    const box = h(
      'div',
      { class: 'figure' },
      h('h2', {}, label),
      h('div', { class: 'with-spark' }, number, spark),
      promise,
    );
    this.element.append(box);
    this.#show.push((view) => {
      const figure = figureOf(view);
      reason = figure.reason;
      setText(value, figure.value);
      setText(unit, figure.unit);
      setText(promise, figure.isKept === undefined ? figure.promise : `${figure.isKept ? '✓' : '▲'} ${figure.promise}`);
      setAttribute(box, 'data-kept', figure.isKept === undefined ? undefined : String(figure.isKept));
      spark.toggleAttribute('hidden', figure.spark === undefined);
      if (figure.spark !== undefined) recent.add(figure.spark);
      setAttribute(path, 'd', sparkPath(recent.values, 120, 28, SPARK_LENGTH));
    });
  }
}
