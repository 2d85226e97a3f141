import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock, Timer } from '../core/clock.ts';
import type { HostChange } from '../protocol/live-view.ts';

/** A ramp that a person starts from the console. */
export interface RampOrder {
  /** Requests a second of the first step, of the last one, and between two steps. */
  readonly from: number;
  readonly to: number;
  readonly by: number;
  /** Seconds of a step. */
  readonly hold: number;
  /** The load that must meet the targets. */
  readonly gate: number;
}

/** The process of a run, started by the one who knows how. */
export interface RunProcess {
  stop(): void;
  /** The exit code; null after a signal. */
  readonly ended: Promise<number | null>;
}

export interface LabRunsOptions {
  readonly clock: Clock;
  /** RAMPART_DATA_DIR/runs. */
  readonly folder: string;
  /** Starts `rampart lab ramp` against this host; `said` gets each line of its progress. */
  readonly start: (order: RampOrder, said: (line: string) => void) => RunProcess;
  /** Notes a change of the host. */
  readonly note: (kind: HostChange['kind'], text: string, who?: string) => void;
}

interface UnderWay {
  readonly order: RampOrder;
  readonly startedAtMs: number;
  readonly process: RunProcess;
  readonly limit: Timer;
  readonly lines: string[];
}

/** What `GET /api/runs` says of the run that is under way, or that has ended last. */
export interface RunProgress {
  readonly order: RampOrder;
  readonly started_at: string;
  /** Null while it is under way. */
  readonly exit_code: number | null;
  readonly is_over: boolean;
  readonly lines: readonly string[];
}

const MOST_LINES = 12;
const MOST_RUNS = 50;
/** Starting, warming up, and the confirmation at the end. */
const BESIDE_STEPS_MS = 120_000;

const record = z.object({
  id: z.string(),
  experiment: z.string(),
  verdict: z.enum(['passed', 'failed', 'invalid']),
  startedAt: z.string(),
  seconds: z.number(),
  target: z.string().optional(),
  findings: z.array(z.string()),
});

/** The runs of the lab in the folder of this host, and at most one that was started here. */
export class LabRuns {
  readonly #options: LabRunsOptions;
  #underWay: UnderWay | undefined;
  #last: RunProgress | undefined;

  constructor(options: LabRunsOptions) {
    this.#options = options;
  }

  get progress(): RunProgress | null {
    return this.#underWay === undefined ? (this.#last ?? null) : progressOf(this.#underWay, false, null);
  }

  /** False if one is under way. */
  start(order: RampOrder, who: string): boolean {
    if (this.#underWay !== undefined) return false;
    const { clock, start, note } = this.#options;
    const lines: string[] = [];
    const process = start(order, (line) => {
      lines.push(line.slice(0, 300));
      if (lines.length > MOST_LINES) lines.shift();
    });
    // Longer than that it hangs: load must not stay on a host that nobody looks at.
    const limit = clock.setTimeout(() => process.stop(), 2 * rampSeconds(order) * 1000 + BESIDE_STEPS_MS);
    const run = { order, startedAtMs: clock.wallNow(), process, limit, lines };
    this.#underWay = run;
    note('lab', `lab ramp from ${order.from} to ${order.to} requests/s has begun`, who);
    void process.ended.then((code) => this.#ended(run, code));
    return true;
  }

  /** False if none is under way. */
  cancel(): boolean {
    this.#underWay?.process.stop();
    return this.#underWay !== undefined;
  }

  close(): void {
    this.#underWay?.limit.cancel();
    this.cancel();
  }

  /** Newest first. */
  async list(): Promise<z.output<typeof record>[]> {
    const names = await readdir(this.#options.folder).catch((): string[] => []);
    // Names begin with the time.
    const newest = names.toSorted().toReversed().slice(0, MOST_RUNS);
    const runs = await Promise.all(newest.map((name) => this.#read(name)));
    return runs.filter((run) => run !== undefined);
  }

  /** The report of a run as a page; undefined if there is none. */
  async report(id: string): Promise<string | undefined> {
    if (!/^[\w-]{1,100}$/.test(id)) return undefined;
    return readFile(join(this.#options.folder, id, 'report.html'), 'utf8').catch(() => undefined);
  }

  /** Undefined where there is no whole record: a run that was interrupted. */
  async #read(name: string): Promise<z.output<typeof record> | undefined> {
    try {
      const text = await readFile(join(this.#options.folder, name, 'run.json'), 'utf8');
      return record.safeParse(JSON.parse(text)).data;
    } catch {
      return undefined;
    }
  }

  #ended(run: UnderWay, code: number | null): void {
    run.limit.cancel();
    this.#underWay = undefined;
    this.#last = progressOf(run, true, code);
    this.#options.note('lab', `lab ramp has ended: ${results[code ?? -1] ?? 'cancelled'}`);
  }
}

const results: Readonly<Record<number, string>> = { 0: 'passed', 1: 'a gate failed', 2: 'not possible', 3: 'invalid' };

/** How long the steps of a ramp take. */
export const rampSeconds = ({ from, to, by, hold }: RampOrder): number => (Math.floor((to - from) / by) + 1) * hold;

const progressOf = ({ order, startedAtMs, lines }: UnderWay, isOver: boolean, code: number | null): RunProgress => ({
  order,
  started_at: new Date(startedAtMs).toISOString(),
  exit_code: code,
  is_over: isOver,
  lines,
});
