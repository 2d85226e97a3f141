import type { Clock } from '../../core/clock.ts';
import type { ConfigReport, ConfigVersion } from '../../protocol/config-wire.ts';
import type { ById } from '../../protocol/lease-wire.ts';
import type { ControlMessage } from '../../protocol/messages.ts';
import type { Member } from '../members.ts';

export interface RolloutOptions {
  readonly clock: Clock;
  /** The workers that are connected and have said which configuration they have. */
  readonly workers: () => readonly Member[];
  readonly tell: (worker: Member, message: ControlMessage) => void;
}

/** How long a worker may take to answer. */
export const ANSWER_LIMIT_MS = 2000;

interface Step {
  readonly answer: ConfigReport['type'];
  readonly version: ConfigVersion;
  readonly awaited: Set<Member>;
  readonly reports: Map<Member, ConfigReport>;
  readonly done: () => void;
}

/** A step of a change that all workers take: who answered what, and who was silent. */
export interface StepResult {
  readonly reports: ReadonlyMap<Member, ConfigReport>;
  readonly silent: readonly Member[];
}

/** Sends a version of the configuration to all workers and collects their answers; one step at a time. */
export class Rollout {
  readonly #options: RolloutOptions;
  #step: Step | undefined;
  /** The workers that have built the version which is to be committed. */
  #prepared = new Set<Member>();

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  /** Has every worker build the version. */
  async prepare(version: ConfigVersion, file: unknown): Promise<StepResult> {
    const message = { type: 'config-prepare', version, file } as const;
    const result = await this.#take('config-prepared', version, () => message);
    this.#prepared = new Set(result.reports.keys());
    return result;
  }

  /**
   * Puts the version in force. The messages are sent when this returns; a worker that has connected since the version was
   * prepared gets all of it.
   */
  commit(version: ConfigVersion, file: unknown): Promise<StepResult> {
    const prepared = this.#prepared;
    this.#prepared = new Set();
    return this.#take('config-committed', version, (worker) =>
      prepared.has(worker) ? { type: 'config-commit', version } : { type: 'config', version, file },
    );
  }

  abandon(version: ConfigVersion): void {
    for (const worker of this.#options.workers()) this.#options.tell(worker, { type: 'config-abandon', version });
  }

  said(worker: Member, report: ConfigReport): void {
    const step = this.#step;
    if (step?.answer !== report.type || step.version.number !== report.version.number) return;
    step.reports.set(worker, report);
    this.left(worker);
  }

  /** The worker has answered, or its connection has ended: the one after it gets the version that is in force then. */
  left(worker: Member): void {
    if (this.#step?.awaited.delete(worker) === true && this.#step.awaited.size === 0) this.#step.done();
  }

  #take(
    answer: ConfigReport['type'],
    version: ConfigVersion,
    messageFor: (worker: Member) => ControlMessage,
  ): Promise<StepResult> {
    const { clock, workers, tell } = this.#options;
    const awaited = new Set(workers());
    const reports = new Map<Member, ConfigReport>();
    for (const worker of awaited) tell(worker, messageFor(worker));
    if (awaited.size === 0) return Promise.resolve({ reports, silent: [] });
    return new Promise((resolve) => {
      const done = (): void => {
        limit.cancel();
        this.#step = undefined;
        resolve({ reports, silent: [...awaited] });
      };
      this.#step = { answer, version, awaited, reports, done };
      const limit = clock.setTimeLimit(done, ANSWER_LIMIT_MS);
    });
  }
}

/** The permits that these workers hold, by their ids, as far as they have said so. */
export function heldBy(
  workers: readonly Member[],
  reports: StepResult['reports'],
): Map<string, Readonly<Record<string, ById>>> {
  return new Map(
    workers.map((worker) => {
      const report = reports.get(worker);
      return [worker.id, report?.type === 'config-committed' ? report.held : {}];
    }),
  );
}

export const nameOf = ({ instance, pid }: Pick<Member, 'instance' | 'pid'>): string =>
  `worker ${instance} (process ${pid})`;

/** Why a version cannot be put in force, after every worker was asked to build it. */
export function preparationProblems({ reports, silent }: StepResult): string[] {
  const refusals = [...reports].flatMap(([worker, report]) =>
    report.type === 'config-prepared' ? report.problems.map((problem) => `${nameOf(worker)}: ${problem}`) : [],
  );
  const unheard = silent.map(
    (worker) => `${nameOf(worker)} did not answer within 2 s: it hangs, or is of an earlier version`,
  );
  return [...refusals, ...unheard];
}
