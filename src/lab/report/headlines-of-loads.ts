import { classify } from '../experiments/classify.ts';
import type { Step } from '../experiments/step.ts';
import { amountText, figureText } from './chart-text.ts';
import { mostCarried } from './judgement.ts';
import {
  figureOfGate,
  gateFigure,
  type Headline,
  type KeyFigure,
  listed,
  missedOf,
  missedText,
  short,
} from './key-figures.ts';
import { capacityIn, gateLoadOf } from './load-charts.ts';
import type { Gate, RunRecord, Series } from './run-record.ts';

export function rampHeadline(run: RunRecord): Headline | undefined {
  const [series] = run.series;
  const gate = gateLoadOf(run.gates[0]?.name);
  if (series === undefined || gate === undefined) return undefined;
  const missed = missedOf(run);
  const at = series.steps.find(({ load }) => Math.abs(load.amount - gate) < 1);
  const carried = mostCarried(run, series);
  const figures: KeyFigure[] = [
    ...missed.map(gateFigure),
    ...(missed.length > 0 || at === undefined ? [] : [p95Figure(run, at, gate)]),
    { label: 'carried within the targets', value: carried === undefined ? 'no load' : rate(carried) },
    ...(at === undefined ? [] : [failedFigure(at)]),
  ];
  const rates = `${amountText(gate)} requests/s`;
  if (missed.length > 0) {
    return {
      sentence: `Does not carry ${rates}: ${missedText(missed.map(ofEndpoint))}.`,
      figures,
      next: relief(series),
    };
  }
  const p95 = at === undefined ? '' : ` with p95 ${ms(at.figures.latency.p95Ms)}`;
  const most = carried === undefined ? gate : Math.max(gate, carried.load.amount);
  const isTried = series.steps.some(({ load }) => load.amount > gate * 1.001);
  const beyond =
    most > gate * 1.02
      ? `, and up to ${rate(carried as Step)} within its targets`
      : isTried
        ? ', and no higher load of those tried'
        : '';
  return {
    sentence: `Carries ${rates}${p95}${beyond}.`,
    figures,
    next: !isTried
      ? 'Try higher loads, too (--to): how much room there is above the gate is not known.'
      : most >= gate * 1.2
        ? 'Nothing: the gate is kept with room above it.'
        : `Mind that there is little room above the gate. ${relief(series)}`,
  };
}

/** Without the load, which the sentence has said; a load that was never offered missed no target. */
const ofEndpoint = ({ name, got, expected, passed }: Gate): Gate => ({
  name: name.replace(/(?: at |^)[\d.]+ requests\/s$/, ''),
  expected: got.startsWith('it was never offered') ? '' : expected,
  got,
  passed,
});

export function capacityHeadline(run: RunRecord): Headline | undefined {
  const [series] = run.series;
  const found = capacityIn(run.findings);
  if (series === undefined || found === undefined) return undefined;
  const confirmed = series.steps
    .filter(({ load }) => Math.abs(load.amount / found.capacity - 1) < 0.01)
    .toSorted((left, right) => right.load.durationMs - left.load.durationMs)[0];
  const [gate] = run.gates;
  const capacity = { label: 'capacity', value: `${found.capacity} requests/s` };
  const promised = gate === undefined ? {} : { promise: `${gate.expected} requests/s`, isKept: gate.passed };
  const rest = `; ${found.refutedAt} are too many`;
  return {
    sentence: `Carries ${gate?.passed === false ? 'only ' : ''}${found.capacity} requests/s within its targets${gate === undefined ? rest : `, where ${gate.expected} are asked for`}.`,
    figures: [
      { ...capacity, ...promised },
      { label: 'too many', value: `${found.refutedAt} requests/s` },
      ...(confirmed === undefined
        ? []
        : [{ label: 'p95 at the capacity', value: ms(confirmed.figures.latency.p95Ms) }]),
    ],
    next: relief(series),
  };
}

export function matrixHeadline(run: RunRecord): Headline | undefined {
  const missed = missedOf(run);
  const isOf = ({ name }: Series) => missed.some((gate) => gate.name.startsWith(`${name}, `));
  const [bad, good] = [run.series.filter(isOf), run.series.filter((series) => !isOf(series))];
  const most = Math.max(...run.series.flatMap(({ steps }) => steps.map(({ load }) => load.amount)));
  const [first] = bad;
  const figures = [...bad, ...good].map((series): KeyFigure => ({
    label: `${short(series.name, 40)}, most served`,
    value: `${figureText(Math.max(...series.steps.map(({ figures: { throughputPerSecond } }) => throughputPerSecond)))} requests/s`,
    promise: 'its targets at every load',
    isKept: !isOf(series),
  }));
  if (missed.length === 0) {
    const names = listed(good.map(({ name }) => short(name, 40)));
    return {
      sentence: `${names} ${good.length === 1 ? 'keeps its' : 'keep their'} targets up to ${amountText(most)} ${run.series[0]?.loadUnit ?? 'connections'}.`,
      figures,
      next: 'Nothing: run the same matrix after the next change, and set both reports side by side.',
    };
  }
  const names = bad.length === 0 ? 'A profile' : listed(bad.map(({ name }) => short(name, 40)));
  return {
    sentence: `${names} ${bad.length > 1 ? 'miss their' : 'misses its'} targets: ${missedText(missed.map(ofProfile))}.`,
    figures,
    next: first === undefined ? 'See the gates below.' : relief(first),
  };
}

/** The gate of the endpoints of a profile says at which load, and of which endpoint. */
function ofProfile(gate: Gate): Gate {
  const profile = /^(.*), targets of its endpoints$/s.exec(gate.name)?.[1];
  return profile === undefined
    ? gate
    : { ...gate, name: profile, expected: '', got: gate.got.replaceAll(`: ${profile}: `, ': ') };
}

export function proveHeadline(run: RunRecord): Headline | undefined {
  const missed = missedOf(run);
  const ratio = /, ([\d.]+) times the [\d.]+ of the single one/.exec(run.findings[0] ?? '')?.[1];
  const [rateFigure] = figureOfGate(run, 'scaled topology, requests/s', 'six generators, requests/s');
  if (rateFigure === undefined || ratio === undefined) return undefined;
  const figures = [
    ...missed.map(gateFigure),
    ...[
      rateFigure,
      ...figureOfGate(run, 'scaled topology, p95', 'their p95'),
      ...figureOfGate(run, 'real barcodes, requests/s'),
    ].filter(({ isKept }) => isKept === true),
  ];
  if (missed.length > 0) {
    return {
      sentence: `The release does not carry what it promises: ${missedText(missed)}.`,
      figures,
      next: 'Run the proof again on a quiet machine; if it fails again, compare this build with the last release (rampart lab compare --a-build).',
    };
  }
  return {
    sentence: `The release carries what it promises: six generators serve ${rateFigure.value} requests/s, ${ratio} times as much as one.`,
    figures,
    next: 'Nothing: it can be released.',
  };
}

function p95Figure(run: RunRecord, { figures }: Step, gate: number): KeyFigure {
  const [first] = run.gates;
  const promise = /p95 at most [\d.]+ ms/.exec(first?.expected ?? '')?.[0];
  const value = ms(figures.latency.p95Ms);
  const label = `p95 at ${amountText(gate)} requests/s`;
  return promise === undefined || run.gates.length > 1
    ? { label, value }
    : { label, value, promise: promise.slice(4), isKept: true };
}

function failedFigure({ figures: { errorShare, refusedShare } }: Step): KeyFigure {
  return { label: 'errors and refusals there', value: `${((errorShare + refusedShare) * 100).toFixed(1)} %` };
}

/** What usually helps against what held this series back: by the resource that was full, else by its class. */
function relief({ limit, steps }: Series): string {
  if (limit.startsWith("the generators' slots")) {
    return `All slots of the generators were busy: add generators (GENERATOR_INSTANCES), or slots (GENERATOR_CONCURRENCY) if processors are free.`;
  }
  if (limit.startsWith('the processors')) return 'The processors were full: add processors, or make a request cheaper.';
  const process = /^(\w+) \d+, which used/.exec(limit)?.[1];
  if (process !== undefined) {
    const setting = { gateway: ' (GATEWAY_WORKERS)', generator: ' (GENERATOR_INSTANCES)' }[process] ?? '';
    return `A ${process} process used a whole processor: add processes of this role${setting}.`;
  }
  const { name, action } = classify(steps);
  if (name === 'none' || name === 'not known')
    return 'Nothing was seen to be full: compare wait with exec, and see what the server said of itself.';
  return `Class ${name}: ${action}.`;
}

const rate = ({ load }: Step): string => `${amountText(load.amount)} requests/s`;
const ms = (value: number): string => (Number.isFinite(value) ? `${figureText(value)} ms` : 'not known');
