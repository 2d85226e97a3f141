import { type Tunable, tunables } from './configuration.ts';
import { gainText, isVaried, meritsText } from './findings.ts';
import { describeTuneTargets } from './merits.ts';
import type { Tuning } from './tuning.ts';

/** The first line of every file that `tune` writes; a file without it is not overwritten. */
export const HEADER = '# Written by rampart lab tune.';

export interface TunedFileOptions {
  readonly tuning: Tuning;
  /** When and where, a line each. */
  readonly origin: readonly string[];
  /** Variables that were set before: they stay set, as this file may be what has set them. */
  readonly alreadySet: ReadonlySet<string>;
  /** The name of the file in the line that shows how to use it. */
  readonly path: string;
}

/** An environment file with the variables that changed, what each change bought, and the others as comments. */
export function tunedFile({ tuning, origin, alreadySet, path }: TunedFileOptions): string {
  const { users, targets, bought, baseline, result } = tuning;
  const isPlain = /^[\w./-]+$/.test(path);
  const lines = [
    HEADER,
    ...origin.map((line) => `# ${line}`),
    `# Load: createBarcode by ${users} users; targets: ${describeTuneTargets(targets)}.`,
    ...(bought === undefined
      ? ['# Nothing was better than the settings as they were.']
      : [`# As it was:  ${meritsText(bought.before)}`, `# With these: ${meritsText(bought.after)}`]),
    `# To use them: set -a; . ${isPlain ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`}; set +a; npm start`,
  ];
  for (const name of tunables) {
    const isChanged = result[name] !== baseline[name];
    lines.push('', `# ${remark(tuning, name)}`);
    lines.push(`${isChanged || alreadySet.has(name) ? '' : '# '}${name}=${result[name]}`);
  }
  return `${lines.join('\n')}\n`;
}

function remark(tuning: Tuning, name: Tunable): string {
  const { baseline, result, ladder } = tuning;
  const gain = ladder.find(({ change }) => change?.name === name)?.gain;
  if (gain !== undefined && result[name] !== baseline[name]) return `was ${baseline[name]}; bought ${gainText(gain)}`;
  if (!isVaried(tuning, name)) return 'kept as it is: no other value was tried';
  if (gain === undefined) return 'kept as it is: no other value was better';
  const what = gain.verdict === 'worse' ? `made ${gain.by} worse` : 'bought nothing that lasted';
  return `kept as it is: the change ${what} (${gainText(gain)})`;
}
