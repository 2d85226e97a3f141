import { describe, type Tunable } from './configuration.ts';
import type { Gain } from './gain.ts';
import type { JudgedStage } from './ladder.ts';
import { describeTuneTargets, meets, type Merits } from './merits.ts';
import type { Tuning } from './tuning.ts';

/** Sentences that follow from the figures. */
export function tuningFindings(tuning: Tuning): string[] {
  const { chosen, baseline, ladder, result, bought, targets, frontier } = tuning;
  const best = frontier[0];
  const misses =
    best === undefined || meets(best.merits, targets)
      ? []
      : [
          `No configuration meets the targets at this load (${describeTuneTargets(targets)}): the closest were compared.`,
        ];
  if (ladder.length === 0)
    return [...misses, `Nothing was better than the settings as they are: ${describe(baseline)}.`];
  return [
    ...misses,
    `Chosen from the frontier: ${describe(chosen)}. As it was: ${describe(baseline)}.`,
    ...ladder.flatMap(changeSentence),
    bought === undefined
      ? `${ladder.some(({ gain }) => gain?.verdict === 'better') ? 'What remains bought nothing' : 'No change bought anything'}: the settings are best left as they are.`
      : `Result: ${describe(result)}: ${meritsText(bought.after)}, where it was ${meritsText(bought.before)}; ${gainText(bought.gain)}.`,
  ];
}

function changeSentence({ change, gain }: JudgedStage): string[] {
  if (change === undefined || gain === undefined) return [];
  const what = `${change.name} ${change.from} → ${change.to}`;
  if (gain.verdict === 'better') return [`${what} bought ${gainText(gain)}.`];
  const why = gain.verdict === 'worse' ? `made ${gain.by} worse` : 'bought nothing beyond the noise';
  return [`${what} ${why} (${gainText(gain)}): taken back.`];
}

export const gainText = ({ throughput, p99, rss }: Gain): string =>
  `throughput ${signedPercent(throughput)}, p99 ${signedPercent(p99)}, RSS ${signedPercent(rss)}`;

export const meritsText = ({ throughputPerSecond, p99Ms, rssBytes }: Merits): string =>
  `${throughputPerSecond.toFixed(1)} requests/s, p99 ${p99Ms.toFixed(1)} ms, RSS ${(rssBytes / 1024 ** 2).toFixed(0)} MiB`;

/** A change as a share, with its sign where it has one. */
export function signedPercent(share: number): string {
  const text = (share * 100).toFixed(1);
  if (Number(text) === 0) return '0.0 %';
  return `${share > 0 ? '+' : ''}${text} %`;
}

/** Whether more than one value of it was tried. */
export const isVaried = ({ rungs }: Tuning, name: Tunable): boolean =>
  new Set(rungs[0]?.evaluations.map(({ configuration }) => configuration[name])).size > 1;
