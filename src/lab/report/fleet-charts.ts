import type { FleetResult } from '../simulator/fleet/fleet-bar.ts';
import { SAMPLE_MS } from '../simulator/fleet/fleet-run.ts';
import type { Chart, CurveLine, Panel } from './chart-model.ts';

/** More points than this cannot be told apart. */
const MOST_POINTS = 240;

/** An experiment over time: the part of the cap in use, requests that wait, and calls to the Valkey. */
export function fleetChart({ title, plan, samples, marks }: FleetResult): Chart {
  const every = Math.max(1, Math.ceil(samples.length / MOST_POINTS));
  const line = (name: string, value: (sample: FleetResult['samples'][number]) => number): CurveLine => ({
    name,
    points: Array.from({ length: Math.floor(samples.length / every) }, (_, index) => {
      const group = samples.slice(index * every, (index + 1) * every);
      return {
        x: ((group[0]?.at ?? SAMPLE_MS) - SAMPLE_MS) / 1000,
        y: group.reduce((sum, one) => sum + value(one), 0) / group.length,
      };
    }),
  });
  const isBusy = samples.some(({ inFlight }) => inFlight > 0);
  const use: Panel = {
    title: 'of the cap',
    unit: '%',
    weight: 1.8,
    lines: [
      line('in use', ({ inFlight }) => (100 * inFlight) / plan.cap),
      line('held by hosts', ({ permits }) => (100 * permits) / plan.cap),
    ],
    levels: [],
  };
  const calls: Panel = {
    title: 'calls to the Valkey',
    unit: 'per second',
    lines: [line('calls', (sample) => sample.calls * SAMPLES_A_SECOND)],
    levels: [],
  };
  const waiting: Panel = {
    title: 'waiting at all hosts',
    unit: 'requests',
    lines: [line('waiting', ({ queued }) => queued)],
    levels: [],
  };
  return {
    title: `${title}: over time`,
    xLabel: 'seconds',
    panels: isBusy ? [use, waiting, calls] : [calls],
    marks: marks.map(({ name, at }) => ({ name, x: at / 1000 })),
  };
}

const SAMPLES_A_SECOND = 1000 / SAMPLE_MS;

/** The part of the hosts that has settled, over the time since their demand rose. */
export function settleChart({ times = [], title }: FleetResult): Chart {
  const settled = times.filter((time) => Number.isFinite(time));
  const points = Array.from({ length: SHARES + 1 }, (_, index) => {
    if (index === 0) return { x: 0, y: 0 };
    const share = index / SHARES;
    return { x: settled[Math.ceil(share * times.length) - 1] ?? Number.NaN, y: 100 * share };
  });
  return {
    title: `${title}: time to settle`,
    xLabel: 'milliseconds since the shift',
    panels: [
      {
        title: 'hosts whose permits cover their new demand',
        unit: '%',
        lines: [{ name: 'settled', points }],
        levels: [{ name: '99 %', y: 99 }],
      },
    ],
    marks: [{ name: 'promised: 250 ms', x: 250 }],
  };
}

const SHARES = 100;
