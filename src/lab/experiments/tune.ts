import { combinations, describe, isSame } from '../tuning/configuration.ts';
import { choice, frontier, ranked } from '../tuning/frontier.ts';
import { gainOf, medians } from '../tuning/gain.ts';
import { rungs } from '../tuning/halving.ts';
import { judge, ladder, worthwhile } from '../tuning/ladder.ts';
import { meets, type Merits } from '../tuning/merits.ts';
import type { Measured, MeasuredRung, Tuning } from '../tuning/tuning.ts';
import type { LabContext } from './step.ts';
import { evaluate, FinalComparison, meritsOf, type TuneOptions } from './tune-measure.ts';
import { tuneOutcome, type TuneOutcome } from './tune-outcome.ts';

/** What a system takes to start and to stop, about. */
const START_SECONDS = 4.5;

/**
 * Successive halving over all combinations; the choice from the frontier of the last rung; then from the baseline to the choice
 * one variable at a time, in turns, to see what each change buys by itself. Changes that buy nothing are taken back.
 */
export async function tune(options: TuneOptions, context: LabContext): Promise<TuneOutcome> {
  const { baseline, targets } = options;
  context.say(announcement(options));
  const measured = await halve(options, context);
  const last = measured.at(-1) as MeasuredRung;
  const { configuration: chosen } = choice(last.evaluations, options);
  const meeting = last.evaluations.filter(({ merits }) => meets(merits, targets));
  const front = frontier(meeting.length > 0 ? meeting : last.evaluations, baseline);
  const found = { users: options.users, targets, baseline, rungs: measured, frontier: front, chosen };
  if (isSame(chosen, baseline)) {
    const tuning: Tuning = { ...found, ladder: [], result: baseline, bought: undefined };
    return tuneOutcome(tuning, [], options);
  }
  const final = new FinalComparison(options, last.holdMs, context);
  const runs = await final.measure(ladder(measured[0]?.evaluations ?? [], baseline, chosen));
  const judged = judge(
    runs.map(({ stage }) => stage),
    runs.map(({ steps }) => steps.map(meritsOf)),
    targets,
  );
  const wanted = worthwhile(judged, baseline);
  const pair = await final.pair(runs, wanted);
  const [before, after] = pair.map(({ steps }) => steps.map(meritsOf)) as [Merits[], Merits[]];
  const gain = gainOf(before, after, targets);
  const isBetter = gain.verdict === 'better';
  const tuning: Tuning = {
    ...found,
    ladder: judged,
    result: isBetter ? wanted : baseline,
    bought: isBetter ? { before: medians(before), after: medians(after), gain } : undefined,
  };
  return tuneOutcome(tuning, [...new Set([...runs, ...pair])], options);
}

async function halve(options: TuneOptions, context: LabContext): Promise<MeasuredRung[]> {
  const plan = halvingRungs(options);
  const found: MeasuredRung[] = [];
  let left = combinations(options.grid, options.baseline);
  for (const [index, { budget }] of plan.entries()) {
    const holdMs = options.holdMs * budget;
    context.say(`rung ${index + 1} of ${plan.length}: ${left.length} configurations, ${holdMs / 1000} s each`);
    const evaluations: Measured[] = [];
    for (const configuration of left) {
      evaluations.push(await evaluate(configuration, holdMs, options, context));
    }
    const order = ranked(evaluations, options) as Measured[];
    found.push({ holdMs, evaluations: order });
    left = order.slice(0, plan[index + 1]?.configurations ?? 0).map(({ configuration }) => configuration);
    if (!left.some((each) => isSame(each, options.baseline))) left.push(options.baseline);
  }
  return found;
}

/** The final comparison is the last rung of the plan: as long, in several runs. */
const halvingRungs = ({ grid, baseline }: TuneOptions): ReturnType<typeof rungs> =>
  rungs(combinations(grid, baseline).length).slice(0, -1);

function announcement(options: TuneOptions): string {
  const { grid, baseline, holdMs, settleMs, repeats, users } = options;
  const count = combinations(grid, baseline).length;
  const plan = halvingRungs(options);
  const seconds = (runs: number, budget: number): number =>
    runs * (START_SECONDS + (settleMs + budget * holdMs) / 1000);
  const halving = plan.reduce((sum, { configurations, budget }) => sum + seconds(configurations, budget), 0);
  const changes = Object.values(grid).filter((values) => values.length > 1).length;
  const final = seconds(repeats * (1 + changes), plan.at(-1)?.budget ?? 1);
  const minutes = [halving, halving + final].map((each) => Math.max(1, Math.round(each / 60)));
  return `${count} configurations by successive halving, ${users} users; it takes ${[...new Set(minutes)].join(' to ')} min. As it is: ${describe(baseline)}`;
}
