import { type CauseId, causes, precedence } from './causes.ts';
import { degradationFindings } from './degradation-findings.ts';
import { type Finding, type FindingState, gravity } from './finding.ts';
import { loadFindings } from './load-findings.ts';
import { partFindings } from './part-findings.ts';
import type { HostSignals } from './signals.ts';

const LONGEST_CONFIRM = Math.max(...Object.values(causes).map(({ of }) => of));
/** A finding about load stays until it has not shown for this long, so that the verdict does not flap; a fact is over at once. */
const HOLD_MS = 3000;

/** A finding over time. */
interface Standing {
  readonly finding: Finding;
  readonly firstMs: number;
  readonly lastMs: number;
  /** The last seconds, the newest first. */
  readonly shown: readonly boolean[];
  readonly isConfirmed: boolean;
}

/** What is known from the seconds before. */
export interface VerdictMemory {
  readonly standings: ReadonlyMap<string, Standing>;
  readonly current: HostVerdict | undefined;
}

/** The state of the host with its one cause, and every other finding, the gravest first. */
export interface HostVerdict {
  readonly state: FindingState;
  readonly sinceMs: number;
  readonly causeId: CauseId | 'none';
  readonly cause: string;
  readonly next: string;
  readonly others: readonly Finding[];
  /** All of them, the first included. */
  readonly findings: readonly Finding[];
}

export const noMemory: VerdictMemory = { standings: new Map(), current: undefined };

/** The verdict of this second; `now` in milliseconds since the epoch. */
export function verdictAfter(
  memory: VerdictMemory,
  signals: HostSignals,
  now: number,
): VerdictMemory & { readonly current: HostVerdict } {
  const standings = followed(memory.standings, findingsOf(signals), now);
  const active = [...standings.values()].filter(({ isConfirmed }) => isConfirmed).toSorted(byImportance);
  return {
    standings,
    current: worded(
      active.map(({ finding }) => finding),
      memory.current,
      now,
    ),
  };
}

const findingsOf = (signals: HostSignals): Finding[] => [
  ...partFindings(signals),
  ...loadFindings(signals),
  ...degradationFindings(signals),
];

function worded(findings: readonly Finding[], before: HostVerdict | undefined, now: number): HostVerdict {
  const [first, ...others] = findings;
  const state = first?.state ?? 'well';
  const causeId = first?.causeId ?? 'none';
  // A note that comes or goes does not begin the good time anew.
  const isSame = before?.state === state && (state === 'well' || before.causeId === causeId);
  return {
    state,
    sinceMs: isSame ? before.sinceMs : now,
    causeId,
    cause: first?.cause ?? 'everything is in order',
    next: first?.next ?? 'nothing to do',
    others,
    findings,
  };
}

function followed(
  before: ReadonlyMap<string, Standing>,
  findings: readonly Finding[],
  now: number,
): Map<string, Standing> {
  const present = new Map(findings.map((finding) => [`${finding.causeId}\n${finding.subject}`, finding]));
  const standings = new Map<string, Standing>();
  for (const key of new Set([...before.keys(), ...present.keys()])) {
    const known = before.get(key);
    const shown = present.get(key);
    const finding = shown ?? known?.finding;
    if (finding === undefined) continue;
    const lastMs = shown === undefined ? (known?.lastMs ?? now) : now;
    const { confirm, of } = causes[finding.causeId];
    if (now - lastMs >= (of === 1 ? 1 : HOLD_MS)) continue;
    const seconds = [shown !== undefined, ...(known?.shown ?? [])].slice(0, LONGEST_CONFIRM);
    const isConfirmed = known?.isConfirmed === true || seconds.slice(0, of).filter(Boolean).length >= confirm;
    standings.set(key, { finding, firstMs: known?.firstMs ?? now, lastMs, shown: seconds, isConfirmed });
  }
  return standings;
}

function byImportance(left: Standing, right: Standing): number {
  const [one, other] = [left.finding, right.finding];
  const graver = gravity[other.state] - gravity[one.state];
  return graver || precedence.indexOf(one.causeId) - precedence.indexOf(other.causeId) || left.firstMs - right.firstMs;
}
