import { shuffled } from '../../core/random.ts';
import { combinations, describe, isSame } from '../tuning/configuration.ts';
import { choice, frontier, ranked } from '../tuning/frontier.ts';
import { gainOf, medians } from '../tuning/gain.ts';
import { rungs } from '../tuning/halving.ts';
import { judge, ladder, type Stage, worthwhile } from '../tuning/ladder.ts';
import { meets, type Merits } from '../tuning/merits.ts';
import type { Measured, MeasuredRung, Tuning } from '../tuning/tuning.ts';
import { type LabContext, START_MS } from './step.ts';
import { evaluate, inTurns, type Measure, meritsOf, type Runs, type TuneOptions } from './tune-measure.ts';
import { tuneOutcome, type TuneOutcome } from './tune-outcome.ts';

/**
 * Successive halving over all combinations; the choice from the frontier of the last rung; then from the baseline to the choice
 * one variable at a time, in turns, to see what each change buys by itself. Changes that buy nothing are taken back.
 */
export async function tune(options: TuneOptions, measure: Measure, context: LabContext): Promise<TuneOutcome> {
  const { baseline, targets, users } = options;
  context.say(announcement(options));
  const measured = await halve(options, measure, context);
  const last = measured.at(-1) as MeasuredRung;
  const best = choice(last.evaluations, options);
  const meeting = last.evaluations.filter(({ merits }) => meets(merits, targets));
  const found = {
    users,
    targets,
    baseline,
    rungs: measured,
    frontier: meeting.length > 0 ? frontier(meeting, baseline) : [best],
    chosen: best.configuration,
  };
  if (isSame(best.configuration, baseline)) {
    return tuneOutcome({ ...found, ladder: [], result: baseline, bought: undefined }, [], options);
  }
  const final = await compareFinally(found, last.holdMs, { options, measure, context });
  return tuneOutcome({ ...found, ...final.found }, final.runs, options);
}

interface Means {
  readonly options: TuneOptions;
  readonly measure: Measure;
  readonly context: LabContext;
}

/** Measures the gain of each change of the choice, and the choice without the changes that buy nothing. */
async function compareFinally(
  { rungs: measured, chosen, baseline, targets }: Pick<Tuning, 'rungs' | 'chosen' | 'baseline' | 'targets'>,
  holdMs: number,
  { options, measure, context }: Means,
): Promise<{ found: Pick<Tuning, 'ladder' | 'result' | 'bought'>; runs: Runs[] }> {
  const stages = ladder(measured[0]?.evaluations ?? [], baseline, chosen);
  const times = `${options.repeats} times ${holdMs / 1000} s each`;
  context.say(`what each change buys: ${stages.length} configurations, ${times}`);
  context.expect(stages.length * options.repeats * runMs(holdMs, options));
  const runs = await inTurns(stages, holdMs, options, measure);
  const judged = judge(
    stages,
    runs.map(({ steps }) => steps.map(meritsOf)),
    targets,
  );
  const wanted = worthwhile(judged, baseline);
  const [first] = runs as [Runs];
  const known = runs.find(({ stage }) => isSame(stage.configuration, wanted));
  if (known === undefined) {
    // A change in the midst was taken back: what is left together has not been measured yet.
    context.say(`what remains: 2 configurations, ${times}`);
    const without: Stage = { change: undefined, configuration: wanted };
    context.expect(2 * options.repeats * runMs(holdMs, options));
    runs.push(...(await inTurns([first.stage, without], holdMs, options, measure)));
  }
  const pair = known === undefined ? runs.slice(-2) : [first, known];
  const [before, after] = pair.map(({ steps }) => steps.map(meritsOf)) as [Merits[], Merits[]];
  const gain = gainOf(before, after, targets);
  const isBetter = gain.verdict === 'better';
  const bought = isBetter ? { before: medians(before), after: medians(after), gain } : undefined;
  return { found: { ladder: judged, result: isBetter ? wanted : baseline, bought }, runs };
}

/** In another order each time: what changes with time is then no merit of a value. */
async function halve(options: TuneOptions, measure: Measure, context: LabContext): Promise<MeasuredRung[]> {
  const { grid, baseline } = options;
  const plan = halvingRungs(options);
  const found: MeasuredRung[] = [];
  let left = combinations(grid, baseline);
  for (const [index, { budget }] of plan.entries()) {
    const holdMs = options.holdMs * budget;
    context.say(`rung ${index + 1} of ${plan.length}: ${left.length} configurations, ${holdMs / 1000} s each`);
    const evaluations: Measured[] = [];
    for (const configuration of shuffled(left, context.random)) {
      const later = plan.slice(index + 1).reduce((sum, rung) => sum + rungMs(rung, options), 0);
      context.expect((left.length - evaluations.length) * runMs(holdMs, options) + later + finalMs(options));
      const evaluation = await evaluate(configuration, holdMs, options, measure);
      if (evaluation.failure !== undefined) context.say(`  ${describe(configuration)}: ${evaluation.failure}`);
      evaluations.push(evaluation);
    }
    const order = ranked(evaluations, options);
    found.push({ holdMs, evaluations: order });
    left = order.slice(0, plan[index + 1]?.configurations ?? 0).map(({ configuration }) => configuration);
    if (!left.some((each) => isSame(each, baseline))) left.push(baseline);
  }
  return found;
}

/** The final comparison is the last rung of the plan: as long, in several runs. */
const halvingRungs = ({ grid, baseline }: TuneOptions): ReturnType<typeof rungs> =>
  rungs(combinations(grid, baseline).length).slice(0, -1);

const runMs = (holdMs: number, { settleMs }: TuneOptions): number => START_MS + settleMs + holdMs;

const rungMs = ({ configurations, budget }: ReturnType<typeof rungs>[number], options: TuneOptions): number =>
  configurations * runMs(budget * options.holdMs, options);

/** The final comparison, if every variable that has several values changes. */
function finalMs(options: TuneOptions): number {
  const changes = Object.values(options.grid).filter((values) => values.length > 1).length;
  const budget = halvingRungs(options).at(-1)?.budget ?? 1;
  return options.repeats * (1 + changes) * runMs(budget * options.holdMs, options);
}

function announcement(options: TuneOptions): string {
  const { grid, baseline, users } = options;
  const count = combinations(grid, baseline).length;
  const halving = halvingRungs(options).reduce((sum, rung) => sum + rungMs(rung, options), 0);
  const minutes = [halving, halving + finalMs(options)].map((ms) => Math.max(1, Math.round(ms / 60_000)));
  return `${count} configurations by successive halving, ${users} users; it takes ${[...new Set(minutes)].join(' to ')} min. As it is: ${describe(baseline)}`;
}
