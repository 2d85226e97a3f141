import { z } from 'zod';
import { controlSocket } from '../control/control-socket.ts';
import { askControl } from '../control/link.ts';
import { alignedLines } from './aligned-lines.ts';
import { absenceText, lookForInstance } from './instance.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { NO_NEWS, withWrongUsage } from './state-codes.ts';

const help = `usage: rampart slo status [--json]

Shows the objectives of the SLO file of the running instance (RAMPART_SLO, or slo.yaml): what is left of each error budget, how
fast it is used up (1: it lasts exactly as long as the window), and which alerts fire.

Exit codes: 0 no alert fires, 1 one does, 3 nothing runs, or control does not answer, 64 wrong usage.
`;

const ANSWER_LIMIT_MS = 3000;
const line = {
  command: 'slo',
  help,
  options: { json: 'flag' },
  words: ['status'],
  operands: { least: 1, most: 1, what: 'status' },
} as const;

/** `rampart slo`. */
export async function slo(args: string[], io: CommandIo): Promise<number> {
  const options = withWrongUsage(() => readOptions(line, args, io));
  if (options === undefined) return exitCodes.ok;
  const { dataDir, runFolder, processes } = lookForInstance(io);
  const answer = await askControl(controlSocket(runFolder), { type: 'ask', what: 'slo' }, ANSWER_LIMIT_MS);
  if (answer === undefined) {
    io.stderr.write(`rampart: ${absenceText(dataDir, processes)}\n`);
    return NO_NEWS;
  }
  const objectives = statuses.parse(answer) ?? [];
  io.stdout.write(options.flag('json') ? `${JSON.stringify(objectives, undefined, 2)}\n` : sloText(objectives));
  return objectives.some(({ firing }) => firing !== null) ? exitCodes.failed : exitCodes.ok;
}

const statuses = z
  .array(
    z.object({
      endpoint: z.string(),
      promise: z.string(),
      target: z.number(),
      events: z.object({ bad: z.number(), total: z.number() }),
      budgetLeft: z.number(),
      burnRates: z.record(z.string(), z.number()),
      firing: z.enum(['page', 'ticket']).nullable(),
    }),
  )
  .nullable();

/** The text of `rampart slo status`. */
export function sloText(objectives: NonNullable<z.output<typeof statuses>>): string {
  if (objectives.length === 0) return 'no objectives: name a file with RAMPART_SLO, or write slo.yaml (docs/lab.md)\n';
  const windows = Object.keys(objectives[0]?.burnRates ?? {});
  const rows = [
    ['endpoint', 'promise', 'bad / all', 'budget left', ...windows.map((name) => `burn ${name}`), 'alert'],
    ...objectives.map(({ endpoint, promise, events, budgetLeft, burnRates, firing }) => [
      endpoint,
      promise,
      `${Math.round(events.bad)} / ${Math.round(events.total)}`,
      events.total === 0 ? 'no events' : `${(budgetLeft * 100).toFixed(1)} %`,
      ...windows.map((name) => (burnRates[name] ?? 0).toFixed(1)),
      firing ?? 'none',
    ]),
  ];
  return `${alignedLines(rows).join('\n')}\n`;
}
