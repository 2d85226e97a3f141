import { z } from 'zod';
import { controlSocket } from '../control/control-socket.ts';
import { askControl } from '../control/link.ts';
import { absenceText, lookForInstance } from './instance.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { stateCode, NO_NEWS, withWrongUsage } from './state-codes.ts';
import { type ShownStatus, statusText } from './status-text.ts';

const help = `usage: rampart status [--json]

Shows the instance of RAMPART_DATA_DIR, whoever has started it: whether it is well, what limits it and what to do next, its
processes, the version of its configuration, and its upstreams with their backends.
  --json   print what GET /api/status replies

Exit codes: 0 well, 1 degraded or overloaded, 2 down, 3 nothing runs, or control does not answer, 64 wrong usage.
docs/runbook.md has a section for every cause.
`;

const ANSWER_LIMIT_MS = 3000;

/** `rampart status`. */
export async function status(args: string[], io: CommandIo): Promise<number> {
  const options = withWrongUsage(() => readOptions({ command: 'status', help, options: { json: 'flag' } }, args, io));
  if (options === undefined) return exitCodes.ok;
  const { dataDir, runFolder, processes } = lookForInstance(io);
  const answer = processes.some(({ role }) => role === 'control')
    ? await askControl(controlSocket(runFolder), { type: 'ask', what: 'status' }, ANSWER_LIMIT_MS)
    : undefined;
  if (answer === undefined) {
    io.stderr.write(`rampart: ${absenceText(dataDir, processes)}\n`);
    return NO_NEWS;
  }
  const shown = shownStatus.parse(answer);
  io.stdout.write(
    options.flag('json') ? `${JSON.stringify(answer, undefined, 2)}\n` : statusText(shown, dataDir, processes),
  );
  return stateCode(shown.verdict.state);
}

const member = z.object({ role: z.string(), instance: z.number(), pid: z.number(), uptime_seconds: z.number() });

const finding = z.object({
  state: z.enum(['well', 'degraded', 'overloaded', 'down']),
  cause: z.string(),
  cause_id: z.string(),
  next: z.string(),
});

const shownStatus: z.ZodType<ShownStatus> = z.object({
  version: z.string(),
  verdict: finding.extend({ since: z.string(), others: z.array(finding) }),
  control: z.object({ pid: z.number(), uptime_seconds: z.number() }),
  config: z.object({
    version: z.number(),
    version_hash: z.string(),
    agreed: z.boolean(),
    since: z.string(),
    last_reload: z.object({ at: z.string(), who: z.string(), outcome: z.string() }).nullable(),
  }),
  workers: z.array(member.extend({ config_version: z.number().nullable().optional() })),
  processes: z.array(member),
  backends: z.array(
    z.object({
      upstream: z.string(),
      backend: z.string(),
      origin: z.string(),
      up: z.boolean().nullable(),
      problem: z.string().optional(),
      cap: z.number().optional(),
      leased: z.number().optional(),
    }),
  ),
  fleet: z
    .object({ backends: z.array(z.object({ upstream: z.string(), backend: z.string(), cap: z.number() })) })
    .nullish(),
  fleet_config: z.object({ version: z.number().nullable(), departs: z.boolean() }).nullish(),
});
