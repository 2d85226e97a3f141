import type { Step } from '../experiments/step.ts';
import { changesBetween } from '../tuning/configuration.ts';
import { amountText, figureText } from './chart-text.ts';
import {
  figureOfGate,
  gateFigure,
  type Headline,
  type KeyFigure,
  grouped,
  listed,
  missedOf,
  missedText,
  short,
} from './key-figures.ts';
import type { Gate, RunRecord } from './run-record.ts';

export function soakHeadline(run: RunRecord): Headline | undefined {
  const [whole] = run.series[0]?.steps ?? [];
  if (whole === undefined) return undefined;
  const missed = missedOf(run);
  const drifts = run.drifts ?? [];
  const growing = drifts.filter(({ verdict }) => verdict === 'drifts');
  const steady = drifts.filter(({ verdict }) => verdict === 'steady').length;
  const users = `${amountText(whole.load.amount)} users for ${amountText(whole.load.durationMs / 60_000)} minutes`;
  const isDrift = ({ name }: Gate): boolean => /^(?:leak|upward drift) of /.test(name);
  const figures: KeyFigure[] = [
    ...growing.map(({ name, unit, slopePerHour }) => ({
      label: short(name),
      value: `+${figureText(slopePerHour)} ${unit} an hour`,
      promise: 'steady',
      isKept: false,
    })),
    ...missed.filter((gate) => !isDrift(gate)).map(gateFigure),
    {
      label: 'figures that grow',
      value: `${growing.length} of ${drifts.length}`,
      promise: 'none',
      isKept: growing.length === 0,
    },
    { label: 'p95', value: ms(whole.figures.latency.p95Ms) },
    { label: 'served', value: `${figureText(whole.figures.throughputPerSecond)} requests/s` },
  ];
  if (missed.length === 0) {
    return {
      sentence: `Nothing grew with ${users}: ${steady} of ${drifts.length} figures are steady, p95 ${ms(whole.figures.latency.p95Ms)}.`,
      figures,
      next: 'Nothing: it can run for long.',
    };
  }
  const [worst] = growing;
  return {
    sentence:
      worst === undefined
        ? `Misses a target with ${users}: ${missedText(missed)}.`
        : `${worst.unit === 'ms' ? 'Drift' : 'A leak'} with ${users}: ${short(worst.name, 60)} grew by ${figureText(worst.slopePerHour)} ${worst.unit} an hour${growing.length === 1 ? '' : `, and ${growing.length - 1} more did`}.`,
    figures,
    next:
      worst === undefined ? 'See over time when it began, and what else happened then.' : reliefOfGrowth(worst.unit),
  };
}

function reliefOfGrowth(unit: string): string {
  if (unit === 'ms')
    return 'See which phase waits longer and longer: a queue that never empties, or a table that grows.';
  return `Run it again for an hour to be sure; then compare two ${unit === 'MiB' ? 'heap snapshots' : 'lists of open descriptors (/proc/PID/fd)'} of this process.`;
}

export function spikeHeadline(run: RunRecord): Headline | undefined {
  const [normal, , held] = run.series[0]?.steps ?? [];
  if (normal === undefined || held === undefined) return undefined;
  const missed = missedOf(run);
  const p95 = ({ figures }: Step): string => ms(figures.latency.p95Ms);
  const factor = figureText(held.figures.latency.p95Ms / normal.figures.latency.p95Ms);
  const figures = [
    ...missed.map(gateFigure),
    ...figureOfGate(run, 'p95 of those let in, while held').filter(({ isKept }) => isKept === true),
    ...figureOfGate(run, 'p95 afterwards').filter(({ isKept }) => isKept === true),
    { label: 'refused while held', value: `${(held.figures.refusedShare * 100).toFixed(1)} %` },
  ];
  const crowd = `a crowd of ${amountText(held.load.amount)} users`;
  if (missed.length === 0) {
    return {
      sentence: `Withstands ${crowd}: p95 of those let in is ${p95(held)}, ${factor} times the normal one, and falls again afterwards.`,
      figures,
      next: 'Nothing: those who are not let in are told when to come back.',
    };
  }
  const late = missed.some(({ name }) => name === 'p95 of those let in, while held');
  return {
    sentence: `Does not withstand ${crowd}: ${missedText(missed)}.`,
    figures,
    next: late
      ? 'Those let in wait too long: shorten the queue (QUEUE_CAPACITY, QUEUE_TIMEOUT_MS), or add backends.'
      : 'See over time when it began, and whether it ended with the crowd.',
  };
}

const ofComparison: Readonly<Record<string, string>> = {
  better: 'Take B.',
  worse: 'Keep A, or find out what makes B worse: the details below have the settings of both.',
  same: 'Take whichever is simpler: what differs does not matter.',
  inconclusive: 'Run it again with more --runs, or a longer --hold: this many cannot tell a change from chance.',
};

export function comparisonHeadline(run: RunRecord): Headline | undefined {
  const [throughput, p95, failed] = run.gates;
  if (throughput === undefined || p95 === undefined) return undefined;
  const [ofRate, ofP95] = [throughput, p95].map(({ got }) => got.split(', ')[0] ?? '');
  const verdicts = new Set([ofRate, ofP95]);
  const verdict = ['worse', 'better', 'inconclusive'].find((each) => verdicts.has(each)) ?? 'same';
  const figures = [
    { ...gateFigure(throughput), label: 'throughput of B' },
    { ...gateFigure(p95), label: 'p95 latency of B' },
    ...(failed === undefined ? [] : [{ ...gateFigure(failed), label: 'errors and refusals of B' }]),
  ];
  if (failed !== undefined && !failed.passed && verdict !== 'worse') {
    return {
      sentence: `B fails or refuses more than A: ${failed.got} (expected ${failed.expected}).`,
      figures,
      next: ofComparison['worse'] ?? '',
    };
  }
  const changes = `throughput ${throughput.got.split(', ')[1] ?? 'not known'}, p95 ${p95.got.split(', ')[1] ?? 'not known'}`;
  const mixed = verdicts.has('better') && verdicts.has('worse');
  const words: Readonly<Record<string, string>> = {
    better: 'B is better than A',
    worse: mixed ? 'B is better than A in one figure and worse in the other' : 'B is worse than A',
    same: 'B and A do not differ by what matters',
    inconclusive: 'Whether B is better than A is not certain',
  };
  return { sentence: `${words[verdict]}: ${changes}.`, figures, next: ofComparison[verdict] ?? '' };
}

export function tuneHeadline(run: RunRecord): Headline | undefined {
  const { tuning, findings } = run;
  const missed = missedOf(run);
  if (tuning === undefined) {
    // Caps of a Rampart that runs: its findings are the sentence and the next step.
    if (findings[0] === undefined) return undefined;
    return {
      sentence: short(findings[0], 300),
      figures: run.gates.map(gateFigure),
      next: findings[1] ?? 'Leave the cap as it is.',
    };
  }
  const { bought, baseline, result, rungs } = tuning;
  const count = rungs[0]?.evaluations.length ?? 0;
  if (missed.length > 0) {
    return {
      sentence: `No configuration of ${count} keeps the targets: ${missedText(missed.map((gate) => ({ ...gate, name: 'the best' })))}.`,
      figures: missed.map(gateFigure),
      next: 'Offer fewer --users, allow more with --p99, or try other values.',
    };
  }
  const changes = changesBetween(baseline, result).map(({ name, from, to }) => `${name} ${from} → ${to}`);
  if (bought === undefined || changes.length === 0) {
    return {
      sentence: `The settings are best left as they are: none of ${count} configurations is better by more than the noise.`,
      figures: run.gates.map(gateFigure),
      next: 'Nothing: keep the settings.',
    };
  }
  const { before, after, gain } = bought;
  const share = (value: number): string => `${value > 0 ? '+' : ''}${(value * 100).toFixed(1)} %`;
  return {
    sentence: `${listed(changes)} ${changes.length === 1 ? 'is' : 'are'} better: throughput ${share(gain.throughput)}, p99 ${share(gain.p99)}.`,
    figures: [
      {
        label: 'served',
        value: `${figureText(after.throughputPerSecond)} requests/s`,
        promise: `${figureText(before.throughputPerSecond)} before`,
      },
      { label: 'p99', value: ms(after.p99Ms), promise: `${ms(before.p99Ms)} before` },
      {
        label: 'memory',
        value: `${figureText(after.rssBytes / 1024 ** 2)} MiB`,
        promise: `${figureText(before.rssBytes / 1024 ** 2)} MiB before`,
      },
    ],
    next: findings.find((finding) => finding.startsWith('Written to ')) ?? 'Start Rampart with these settings.',
  };
}

export function ingestHeadline(run: RunRecord): Headline | undefined {
  const missed = missedOf(run);
  const [items, reads] = run.gates;
  if (items === undefined || reads === undefined) return undefined;
  const figures = [...missed, ...run.gates.filter(({ passed }) => passed)].map(gateFigure);
  const limit = run.findings.find((finding) => finding.startsWith('Limited by '));
  return {
    sentence:
      missed.length === 0
        ? `Accepts ${grouped(items.got)}, with a p99 of ${reads.got} for the reads beside them.`
        : `Does not take in what it promises: ${missedText(missed)}.`,
    figures,
    next: missed.length === 0 ? 'Nothing: it keeps up.' : reliefOfIngest(missed, limit),
  };
}

function reliefOfIngest(missed: readonly Gate[], limit = ''): string {
  if (missed.every(({ name }) => name.startsWith('spread'))) return 'Run it again on a machine without other work.';
  const full = /^Limited by the processors: (.*)\.$/.exec(limit)?.[1];
  return full === undefined
    ? short(limit === '' ? 'See the gates below.' : limit, 300)
    : `The processors were full (${short(full, 200)}): add processors, or hand over less at a time.`;
}

const ms = (value: number): string => (Number.isFinite(value) ? `${figureText(value)} ms` : 'not known');
