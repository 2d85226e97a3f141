import { z } from 'zod';
import { controlSocket } from '../control/control-socket.ts';
import { askControl } from '../control/link.ts';
import { systemClock } from '../core/clock.ts';
import { alignedLines } from './aligned-lines.ts';
import { absenceText, lookForInstance } from './instance.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { type Options, readOptions } from './options.ts';
import { writeRules } from './slo-rules/write-rules.ts';
import { NO_NEWS, withWrongUsage } from './state-codes.ts';
import { age } from './top/text.ts';

const help = `usage: rampart slo status [--json]
       rampart slo rules [--slo FILE] [--out FOLDER] [--json]

status shows the objectives of the SLO file of the running instance (RAMPART_SLO, or slo.yaml): what is left of each error budget, how
fast it is used up (1: it lasts exactly as long as the window), and which alerts fire; then the limits on degradation.

rules prints recording and alert rules for Prometheus, made from the same file. Nothing has to run.
  --out FOLDER   write them there as slo-rules.yaml, with tests for promtool and a dashboard for Grafana
  --slo FILE     another SLO file
  --json         the files with their text, or with --out their paths

Exit codes: 0 no alert fires, or the rules are written; 1 an alert fires; 2 the SLO file cannot be used; 3 nothing runs, or control does not
answer; 64 wrong usage.
`;

const ANSWER_LIMIT_MS = 3000;
const subcommands = { status: ['json'], rules: ['slo', 'out', 'json'] } as const;
const line = {
  command: 'slo',
  help,
  options: { json: 'flag', slo: 'value', out: 'value' },
  subcommands,
  operands: { least: 1, most: 1, what: 'status or rules' },
} as const;

/** `rampart slo`. */
export async function slo(args: string[], io: CommandIo): Promise<number> {
  const options = withWrongUsage(() => readSloOptions(args, io));
  if (options === undefined) return exitCodes.ok;
  return options.operands[0] === 'rules' ? writeRules(options, io) : showStatus(options, io);
}

function readSloOptions(args: string[], io: CommandIo): Options | undefined {
  const options = readOptions(line, args, io);
  if (options === undefined) return undefined;
  const [name = ''] = options.operands;
  if (name !== 'status' && name !== 'rules')
    options.problem(`there is no 'rampart slo ${name}'; it takes status or rules`);
  if (name === 'status')
    for (const option of ['slo', 'out'])
      if (options.has(option)) options.problem(`--${option} belongs to 'rampart slo rules'`);
  options.check();
  return options;
}

async function showStatus(options: Options, io: CommandIo): Promise<number> {
  const { dataDir, runFolder, processes } = lookForInstance(io);
  const answer = await askControl(controlSocket(runFolder), { type: 'ask', what: 'slo' }, ANSWER_LIMIT_MS);
  if (answer === undefined) {
    io.stderr.write(`rampart: ${absenceText(dataDir, processes)}\n`);
    return NO_NEWS;
  }
  const status = statuses.parse(answer) ?? { objectives: [], degradations: [] };
  io.stdout.write(
    options.flag('json') ? `${JSON.stringify(status, undefined, 2)}\n` : sloText(status, systemClock.wallNow()),
  );
  const isFiring =
    status.objectives.some(({ firing }) => firing !== null) || status.degradations.some((one) => one.isFiring);
  return isFiring ? exitCodes.failed : exitCodes.ok;
}

const events = z.object({ bad: z.number(), total: z.number() });
const statuses = z
  .object({
    objectives: z.array(
      z.object({
        endpoint: z.string(),
        promise: z.string(),
        target: z.number(),
        events,
        budgetLeft: z.number(),
        burnRates: z.record(z.string(), z.number()),
        firing: z.enum(['page', 'ticket']).nullable(),
      }),
    ),
    degradations: z.array(
      z.object({
        kind: z.enum(['p95', 'p99', 'errors', 'hit-rate', 'pool']),
        subject: z.string(),
        limit: z.string(),
        forMs: z.number(),
        events,
        measured: z.string(),
        sinceMs: z.number().nullable(),
        isFiring: z.boolean(),
      }),
    ),
  })
  .nullable();

type ShownSlo = NonNullable<z.output<typeof statuses>>;

/** The text of `rampart slo status`. */
export function sloText({ objectives, degradations }: ShownSlo, nowMs: number): string {
  if (objectives.length === 0 && degradations.length === 0)
    return 'no objectives: name a file with RAMPART_SLO, or write slo.yaml (docs/slo.md)\n';
  const blocks = [objectives.length === 0 ? [] : objectiveLines(objectives), degradationLines(degradations, nowMs)];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function objectiveLines(objectives: ShownSlo['objectives']): string[] {
  const windows = Object.keys(objectives[0]?.burnRates ?? {});
  return alignedLines([
    ['endpoint', 'promise', 'bad / all', 'budget left', ...windows.map((name) => `burn ${name}`), 'alert'],
    ...objectives.map(({ endpoint, promise, events: { bad, total }, budgetLeft, burnRates, firing }) => [
      endpoint,
      promise,
      `${Math.round(bad)} / ${Math.round(total)}`,
      total === 0 ? 'no events' : `${(budgetLeft * 100).toFixed(1)} %`,
      ...windows.map((name) => (burnRates[name] ?? 0).toFixed(1)),
      firing ?? 'none',
    ]),
  ]);
}

function degradationLines(degradations: ShownSlo['degradations'], nowMs: number): string[] {
  if (degradations.length === 0) return [];
  return alignedLines([
    ['degraded if', '', 'for', 'the last 2 min', 'alert'],
    ...degradations.map(({ kind, subject, limit, forMs, measured, sinceMs, isFiring }) => [
      kind === 'pool' ? `pools of ${subject}` : subject,
      limit,
      age(forMs),
      measured,
      isFiring ? 'ticket' : sinceMs === null ? 'none' : `above for ${age(nowMs - sinceMs)}`,
    ]),
  ]);
}
