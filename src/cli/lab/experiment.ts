import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../config/config.ts';
import { systemClock } from '../../core/clock.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import type { LabContext } from '../../lab/experiments/step.ts';
import { commit, provenanceOf } from '../../lab/report/provenance.ts';
import { barPlot } from '../../lab/report/bar-plot.ts';
import { headlineLine, headlineOf } from '../../lab/report/headline.ts';
import { oneLine } from '../../lab/report/harmless.ts';
import {
  type ExperimentOutcome,
  type RunRecord,
  type Series,
  type RunVerdict,
  verdictOf,
} from '../../lab/report/run-record.ts';
import { driftTable, number, stepTable, textTable } from '../../lab/report/tables.ts';
import { summaryTables } from '../../lab/report/tuning-tables.ts';
import { writeRun } from '../../lab/report/write-run.ts';
import { startOwnSystem } from '../../lab/system/own-system.ts';
import type { System } from '../../lab/system/system.ts';
import { Interrupted, type StopSignal } from '../interrupted.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { LabProgress } from './lab-progress.ts';
import { storeRun } from './stored-runs.ts';
import { version } from '../version.ts';

/** Exit code of a run that says nothing about the system. */
const INVALID = 3;
export const verdictCodes: Readonly<Record<RunVerdict, number>> = {
  passed: exitCodes.ok,
  failed: exitCodes.failed,
  invalid: INVALID,
};

const entry = fileURLToPath(new URL('../main.ts', import.meta.url));

/** The program of a folder with another Rampart: of a clone, or of an installed package. */
export function entryOf(build: string): string {
  const inClone = join(build, 'src', 'cli', 'main.ts');
  return existsSync(inClone) ? inClone : join(build, 'dist', 'cli', 'main.js');
}

/** Runs an experiment, writes its report, prints the result; the exit code. */
export async function runExperiment(
  name: string,
  { io, json }: { io: CommandIo; json: boolean },
  work: (experiment: Experiment) => Promise<ExperimentOutcome>,
): Promise<number> {
  const { dataDir } = await loadConfig(io.env, io.folder, `run lab ${name}`);
  const startedAtMs = systemClock.wallNow();
  const startedAt = new Date(startedAtMs).toISOString();
  const experiment = new Experiment(name, io);
  let outcome: ExperimentOutcome;
  try {
    outcome = await Promise.race([work(experiment), experiment.interrupted]);
  } catch (error) {
    if (error instanceof Interrupted) return error.code;
    if (error instanceof UsageError) throw error;
    // A run that could not be measured has failed no gate.
    experiment.context.say(`rampart: lab ${name} is invalid, as it could not be measured: ${messageOf(error)}`);
    return INVALID;
  } finally {
    await experiment.stop();
  }
  const run: RunRecord = {
    schema: 1,
    id: `${startedAt.replaceAll(/\D/g, '').slice(0, 17)}-${name}`,
    experiment: name,
    startedAt,
    seconds: (systemClock.wallNow() - startedAtMs) / 1000,
    ...experiment.provenance(),
    ...outcome,
    verdict: verdictOf(outcome.gates, outcome.reasons),
  };
  const folder = join(dataDir, 'runs', run.id);
  await writeRun(run, folder);
  await storeRun(run, folder, io);
  io.stdout.write(json ? `${JSON.stringify(run)}\n` : summary(run, folder));
  return verdictCodes[run.verdict];
}

function summary(run: RunRecord, folder: string): string {
  const tables = [
    ...(run.tables ?? []),
    ...(run.tuning === undefined
      ? run.series.map((each) => ({ title: each.name, ...stepTable(each) }))
      : summaryTables(run.tuning)),
  ];
  const gates = run.gates.map(
    ({ name, expected, got, passed }) => `  ${passed ? '✔' : '✖'} ${name}: ${got} (expected ${expected})`,
  );
  return [
    '',
    ...tables.map((each) => `${each.title}\n\n${textTable(each)}\n`),
    ...(run.timelines === undefined && run.tuning === undefined ? run.series.flatMap(plotted) : []),
    ...(run.drifts === undefined ? [] : [`${textTable(driftTable(run))}\n`]),
    ...run.findings.map((finding) => `  ${finding}`),
    '',
    ...gates,
    ...run.reasons.map((reason) => `  invalid: ${reason}`),
    '',
    `${run.experiment} of ${run.target ?? 'a system'}, in ${number(run.seconds)} s`,
    headlineLine(run),
    `next: ${oneLine(headlineOf(run).next)}`,
    `report: ${folder}/report.html`,
    '',
  ].join('\n');
}

/** With its name, as there may be several. */
function plotted(series: Series): string[] {
  const bars = barPlot(series);
  return bars.length === 0 ? [] : [`${series.name}: served`, ...bars, ''];
}

const stopSignals: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The means of an experiment from the command line: the systems that it starts end with it, even at a Ctrl-C. */
export class Experiment {
  readonly context: LabContext;
  readonly interrupted: Promise<never>;
  readonly #io: CommandIo;
  readonly #progress: LabProgress;
  readonly #started: Promise<System>[] = [];
  readonly #measured: System[] = [];
  readonly #builds = new Set<string>();

  constructor(name: string, io: CommandIo) {
    this.#io = io;
    const { drawing, stderr } = io;
    this.#progress = new LabProgress({ name, out: drawing ?? stderr, clock: systemClock, columns: drawing?.columns });
    this.context = {
      clock: systemClock,
      random: Math.random,
      numbers: { next: 0 },
      say: (line) => this.#progress.say(line),
      expect: (leftMs) => this.#progress.expect(leftMs),
    };
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.interrupted = promise;
    for (const signal of stopSignals) {
      process.once(signal, () => {
        this.#progress.stop();
        io.stderr.write(`rampart: ${signal}, stopping what the lab has started\n`);
        reject(new Interrupted(signal));
      });
    }
  }

  /** `build`: the folder of another Rampart, in place of this one. */
  start(name: string, settings: Readonly<Record<string, string>>, build?: string): Promise<System> {
    const { env } = this.#io;
    const program = build === undefined ? entry : entryOf(build);
    this.#builds.add(build ?? import.meta.dirname);
    return this.own(startOwnSystem({ name, settings, entry: program, env }, this.context));
  }

  /** Has this system stopped at the end, too. */
  own(system: Promise<System>): Promise<System> {
    this.#started.push(system);
    void system.then(
      (started) => this.#measured.push(started),
      () => {},
    );
    return system;
  }

  provenance(): ReturnType<typeof provenanceOf> {
    const builds = this.#builds.size === 0 ? [import.meta.dirname] : [...this.#builds];
    return provenanceOf(this.#measured, { commits: [...new Set(builds.map(commit))], version });
  }

  /** Systems that are still starting are stopped, too. */
  async stop(): Promise<void> {
    this.#progress.stop();
    await Promise.all(this.#started.map(async (system) => (await system.catch(() => undefined))?.stop()));
  }
}
