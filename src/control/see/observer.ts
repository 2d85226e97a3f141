import type { Logger } from 'pino';
import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Gauge, Registry, Snapshot } from '../../metrics/instruments.ts';
import type { Slo } from '../../policy/slo/slo.ts';
import type { HistoryView, HostChange, LiveView } from '../../protocol/live-view.ts';
import { Changes, Restarts } from './changes.ts';
import type { HostFacts } from './facts.ts';
import type { Finding } from '../../policy/verdict/finding.ts';
import { HostJudge } from './host-judge.ts';
import { HistoryBook } from './history-book.ts';
import type { LiveListener, LiveSource } from './live-source.ts';
import { MachineWatch } from './machine-watch.ts';
import { readTotals } from './totals.ts';
import { type SloStatus, SloWatch } from './slo-watch.ts';
import { noPromise } from './view-of.ts';

/** What control knows, beside what the observer finds by itself. */
export type KnownFacts = Omit<HostFacts, 'machine' | 'restarts' | 'objectives' | 'degradations'>;

export interface ObserverDependencies {
  readonly clock: Clock;
  readonly bugs: Bugs;
  readonly log: Logger;
  readonly registry: Registry;
  /** Where the history lies. */
  readonly path: string;
  /** Asks the processes of the host for fresh reports, and waits a little for them. */
  readonly collect: () => Promise<void>;
  /** The last report of each process, of ended ones and of control itself. */
  readonly snapshots: () => Iterable<Snapshot>;
  readonly facts: () => KnownFacts;
  /** What the SLO file promises; undefined without one. */
  readonly slo?: Slo | undefined;
  /** What is wrong in this second. */
  readonly onFindings: (findings: readonly Finding[]) => void;
}

const INTERVAL_MS = 1000;
const SAVE_INTERVAL_MS = 60_000;
const RECENT_CHANGES = 200;

/** Looks at the host once a second: its verdict, its figures, its history, and what has changed. */
export class Observer implements LiveSource {
  readonly restarts = new Restarts();
  readonly #dependencies: ObserverDependencies;
  readonly #machine = new MachineWatch();
  readonly #judge = new HostJudge();
  readonly #slo: SloWatch | undefined;
  readonly #listeners = new Set<LiveListener>();
  readonly #changes: Changes;
  readonly #history: HistoryBook;
  readonly #gravity: Gauge;
  #view: LiveView | undefined;
  #timer: Timer | undefined;
  #savedAt = 0;
  #isClosed = false;

  constructor(dependencies: ObserverDependencies) {
    this.#dependencies = dependencies;
    this.#changes = new Changes((change) => this.#tell((listener) => listener.changed(change)));
    const help = 'The verdict: 0 well, 1 degraded, 2 overloaded, 3 down';
    this.#gravity = dependencies.registry.gauge('rampart_verdict_state', help, 'max').of();
    this.#history = new HistoryBook(dependencies.path);
    this.#slo = dependencies.slo === undefined ? undefined : new SloWatch(dependencies.slo);
  }

  /** Looks from now on. */
  start(): void {
    const saved = this.#history.load();
    this.#changes.restore(saved.changes);
    this.#judge.restore(saved.usualWork);
    if (saved.slo !== undefined) this.#slo?.restore(saved.slo);
    this.#savedAt = this.#dependencies.clock.now();
    this.#schedule(0);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#save();
  }

  /** Of this second; computed now if nothing has been looked at yet. */
  get view(): LiveView {
    return this.#view ?? this.#look();
  }

  get changes(): readonly HostChange[] {
    return this.#changes.all.slice(-RECENT_CHANGES);
  }

  history(fromMs: number, toMs: number, maxPoints: number): HistoryView {
    const changes = this.#changes.all.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
    return { schemaVersion: 1, ...this.#history.read(fromMs, toMs, maxPoints), changes };
  }

  subscribe(listener: LiveListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** How the objectives and the rules on degradation do; undefined without an SLO file. */
  slo(): SloStatus | undefined {
    return this.#slo?.status(this.#dependencies.clock.wallNow());
  }

  /** Notes something that has changed just now. */
  changed(kind: HostChange['kind'], text: string, who?: string): void {
    this.#changes.add({ atMs: this.#dependencies.clock.wallNow(), kind, text, who });
  }

  #schedule(delayMs: number): void {
    const { clock, bugs } = this.#dependencies;
    if (this.#isClosed) return;
    this.#timer = clock.setTimeout(() => {
      const startedAt = clock.now();
      this.#second()
        .catch((error: unknown) => bugs.report('observer', error))
        .finally(() => this.#schedule(Math.max(0, INTERVAL_MS - (clock.now() - startedAt))));
    }, delayMs);
  }

  async #second(): Promise<void> {
    const { clock, collect } = this.#dependencies;
    await collect();
    // After a stall of control, the reports that have arrived are read before anything is judged.
    await new Promise<void>((resolve) => void clock.setTimeLimit(resolve, 0));
    if (this.#isClosed) return;
    const view = this.#look();
    this.#tell((listener) => listener.second(view));
    if (clock.now() - this.#savedAt >= SAVE_INTERVAL_MS) this.#save();
  }

  #look(): LiveView {
    const { clock, snapshots, facts: known } = this.#dependencies;
    const nowMs = clock.wallNow();
    const totals = readTotals(snapshots());
    this.#slo?.look(totals, nowMs);
    const machine = { processors: this.#machine.processors, busyShare: this.#machine.look() };
    const facts: HostFacts = {
      ...known(),
      machine,
      restarts: this.restarts.within(nowMs),
      objectives: this.#slo?.burning(nowMs) ?? [],
      degradations: this.#slo?.degraded(nowMs) ?? [],
    };
    const seen = this.#judge.look(
      facts,
      totals,
      clock.now(),
      (endpoint) => this.#slo?.promiseOf(endpoint, nowMs) ?? noPromise,
    );
    const { view, signals, verdict } = seen;
    this.#view = view;
    this.#gravity.set(seen.gravity);
    this.#history.add(view, signals, seen.gravity);
    this.#alert(verdict.findings);
    if (seen.isNews) this.changed('verdict', `${verdict.state}: ${verdict.cause}`);
    return view;
  }

  /** What fails behind an alert must not keep the host from being seen. */
  #alert(findings: readonly Finding[]): void {
    const { onFindings, bugs } = this.#dependencies;
    try {
      onFindings(findings);
    } catch (error) {
      bugs.report('alerts', error);
    }
  }

  #tell(say: (listener: LiveListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        say(listener);
      } catch (error) {
        this.#dependencies.bugs.report('observer', error);
      }
    }
  }

  #save(): void {
    const { clock, log } = this.#dependencies;
    this.#savedAt = clock.now();
    try {
      this.#history.save(this.#changes.all, this.#judge.usualWork, this.#slo?.saved());
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'the history of the host could not be saved');
    }
  }
}
