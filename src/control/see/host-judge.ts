import { gravity } from '../../policy/verdict/finding.ts';
import type { HostSignals } from '../../policy/verdict/signals.ts';
import { afterGoodSecond, type UsualWork, usualMs } from '../../policy/verdict/usual-work.ts';
import { type HostVerdict, verdictAfter, noMemory, type VerdictMemory } from '../../policy/verdict/verdict.ts';
import type { LiveView } from '../../protocol/live-view.ts';
import { FailureRuns } from './failure-runs.ts';
import type { HostFacts } from './facts.ts';
import { MemberWindows } from './member-windows.ts';
import { signalsOf } from './signals-of.ts';
import type { Totals } from './totals.ts';
import { type EndpointPromise, viewOf } from './view-of.ts';
import { CountedWindow } from './counted-window.ts';

/** Rates and percentiles are shown over this many seconds. */
const SHOWN_SECONDS = 5;
/** The verdict looks back less far, so that it comes soon. */
const JUDGED_SECONDS = 2;

interface Sample {
  readonly at: number;
  readonly totals: Totals;
}

/** What a second of the host looked like. */
export interface Seen {
  readonly view: LiveView;
  readonly signals: HostSignals;
  readonly verdict: HostVerdict;
  /** Whether the state or its cause is another one than a second ago. */
  readonly isNews: boolean;
  /** 0 well to 3 down. */
  readonly gravity: number;
}

/** Judges a host second by second, from what was counted until then. */
export class HostJudge {
  readonly #members = new MemberWindows(SHOWN_SECONDS);
  readonly #failures = new FailureRuns();
  readonly #usual = new Map<string, UsualWork>();
  #samples: readonly Sample[] = [];
  #reported: ReadonlySet<string> = new Set();
  #memory: VerdictMemory = noMemory;

  /** How long a request usually takes each upstream. */
  get usualWork(): Readonly<Record<string, UsualWork>> {
    return Object.fromEntries(this.#usual);
  }

  /** Takes up what was usual before a restart. */
  restore(usualWork: Readonly<Record<string, UsualWork>>): void {
    for (const [name, usual] of Object.entries(usualWork)) this.#usual.set(name, usual);
  }

  /** `now` in milliseconds of a clock that only goes forward. */
  look(facts: HostFacts, totals: Totals, now: number, promiseOf: (endpoint: string) => EndpointPromise): Seen {
    const earlier = this.#hasOlderCounts(facts) ? [] : this.#samples;
    this.#samples = [...earlier, { at: now, totals }].slice(-(SHOWN_SECONDS + 1));
    this.#members.look(facts.members, now);
    this.#failures.look(totals, now);
    const signals = signalsOf({
      facts,
      window: this.#window(JUDGED_SECONDS),
      memberWindows: this.#members.over(JUDGED_SECONDS),
      usualWorkMs: (upstream) => usualMs(this.#usual.get(upstream)),
      failedInARow: (upstream) => this.#failures.of(upstream),
    });
    const before = this.#memory.current;
    const memory = verdictAfter(this.#memory, signals, facts.nowMs);
    this.#memory = memory;
    const { current: verdict } = memory;
    if (verdict.state === 'well') this.#learn(signals);
    const memberWindows = this.#members.over(SHOWN_SECONDS);
    const view = viewOf({ facts, signals, verdict, window: this.#window(SHOWN_SECONDS), memberWindows, promiseOf });
    const isNews = before !== undefined && (before.state !== verdict.state || before.causeId !== verdict.causeId);
    return { view, signals, verdict, isNews, gravity: gravity[verdict.state] };
  }

  /** The first report of a process that is older than control has counts of the time before, and not of this second. */
  #hasOlderCounts({ members, startedAtMs }: HostFacts): boolean {
    const reporting = members.filter(({ totals }) => totals.numbers.size > 0);
    const isOlder = reporting.some((one) => one.startedAtMs < startedAtMs && !this.#reported.has(one.id));
    this.#reported = new Set(reporting.map(({ id }) => id));
    return isOlder;
  }

  #learn({ upstreams }: HostSignals): void {
    for (const { name, workMs } of upstreams)
      if (workMs !== undefined) this.#usual.set(name, afterGoodSecond(this.#usual.get(name), workMs));
  }

  /** What was counted within the last seconds, or since the start. */
  #window(seconds: number): CountedWindow {
    const end = this.#samples.at(-1);
    const start = this.#samples.at(-1 - seconds) ?? this.#samples[0];
    if (end === undefined || start === undefined) throw new Error('a window before the first sample');
    return new CountedWindow(start.totals, end.totals, (end.at - start.at) / 1000);
  }
}
