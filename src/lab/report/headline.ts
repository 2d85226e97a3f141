import {
  comparisonHeadline,
  ingestHeadline,
  soakHeadline,
  spikeHeadline,
  tuneHeadline,
} from './headlines-of-changes.ts';
import { capacityHeadline, matrixHeadline, proveHeadline, rampHeadline } from './headlines-of-loads.ts';
import { gateFigure, type Headline, missedOf, missedText, short } from './key-figures.ts';
import { oneLine } from './harmless.ts';
import type { RunRecord, RunVerdict } from './run-record.ts';

/** Each verdict with a shape beside its word, so that it does not rest on its colour. */
export const verdictLooks: Readonly<Record<RunVerdict, { readonly shape: string; readonly word: string }>> = {
  passed: { shape: '✔', word: 'Passed' },
  failed: { shape: '✖', word: 'Failed' },
  invalid: { shape: '◌', word: 'Invalid' },
};

/** Undefined where the record lacks what the sentence needs, as after a run that was ended early. */
const headlines = new Map<string, (run: RunRecord) => Headline | undefined>([
  ['ramp', rampHeadline],
  ['capacity', capacityHeadline],
  ['matrix', matrixHeadline],
  ['prove', proveHeadline],
  ['soak', soakHeadline],
  ['spike', spikeHeadline],
  ['compare', comparisonHeadline],
  ['tune', tuneHeadline],
  ['ingest', ingestHeadline],
]);

const MOST_FIGURES = 3;

/** The headline of a run, computed from its record, so that runs of earlier versions have one, too. */
export function headlineOf(run: RunRecord): Headline {
  if (run.verdict === 'invalid') return invalidHeadline(run);
  const { sentence, figures, next } = headlines.get(run.experiment)?.(run) ?? gatesHeadline(run);
  return { sentence, next, figures: figures.slice(0, MOST_FIGURES) };
}

/** The headline in one line, for a chat, a log or the end of a terminal's output. */
export function headlineLine(run: RunRecord): string {
  const { shape } = verdictLooks[run.verdict];
  return oneLine(
    `${shape} ${run.experiment} ${run.verdict}: ${headlineOf(run).sentence} (${run.id}, commit ${run.commit})`,
  );
}

const advice: readonly (readonly [reason: RegExp, next: string])[] = [
  [/other programs used/, 'End the other programs of this machine, or wait for them; then run it again.'],
  [/sender|not sent|Little's law/, 'Offer less load, or give the lab more processors; then run it again.'],
  [/target is gone/, 'See in the log of the target why it ended; then run it again.'],
  [/windows|stayed for/, 'Run it for longer (--duration), so that enough windows come after the warm-up.'],
  [/the lab itself grew/, 'Run it again with fewer users; if the lab grows again, report it as a defect of the lab.'],
  [/no capacity was found/, 'Begin nearer to the capacity with --guess, or allow more --probes.'],
  [/do not even hold/, 'Try one request by hand: it fails, or takes longer than its target, without any load.'],
  [/ failed/, 'See in the log of the target why these requests failed; then run it again.'],
];

function invalidHeadline({ reasons, gates }: RunRecord): Headline {
  const [first = 'it was not measured', ...others] = reasons;
  const more = others.length === 0 ? '' : `, and ${others.length} more ${others.length === 1 ? 'reason' : 'reasons'}`;
  const kept = gates.filter(({ passed }) => passed).length;
  return {
    sentence: `This run says nothing about the system: ${short(first.replace(/\.$/, ''), 220)}${more}.`,
    figures: gates.length === 0 ? [] : [{ label: 'gates that would have passed', value: `${kept} of ${gates.length}` }],
    next: advice.find(([pattern]) => pattern.test(first))?.[1] ?? 'Mend that, and run it again.',
  };
}

/** The headline of an experiment that has none of its own. */
function gatesHeadline(run: RunRecord): Headline {
  const { gates, findings } = run;
  const missed = missedOf(run);
  const passed =
    gates.length === 0
      ? short(findings[0] ?? 'It measured, and judged nothing.', 300)
      : gates.length === 1
        ? 'Its gate passed.'
        : `All ${gates.length} gates passed.`;
  return {
    sentence: missed.length > 0 ? `${missed.length} of ${gates.length} gates failed: ${missedText(missed)}.` : passed,
    figures: [...missed, ...gates.filter((gate) => gate.passed)].map(gateFigure),
    next: missed.length > 0 ? 'See the gates below.' : 'Nothing: it keeps what it promises.',
  };
}
