import { z } from 'zod';
import { controlSocket } from '../control/control-socket.ts';
import { askControl } from '../control/link.ts';
import { UsageError } from '../core/errors.ts';
import { lookForInstance } from './instance.ts';
import type { CommandIo } from './io.ts';
import { type Options, readOptions } from './options.ts';
import { hostVerdict, type ShownStatus, statusText } from './status-text.ts';

const help = `usage: rampart status [--json]

Shows the instance of RAMPART_DATA_DIR, whoever has started it: its processes, the version of its configuration, and its
upstreams with their backends.
  --json   print what GET /api/status replies

Exit codes: 0 well, 1 degraded (a backend is down, or not all workers agree), 2 down (no worker, or no backend of an
upstream is up), 3 nothing runs, or control does not answer, 64 wrong usage.
`;

const codes = { well: 0, degraded: 1, down: 2 } as const;
const NO_NEWS = 3;
const WRONG_USAGE = 64;
const ANSWER_LIMIT_MS = 3000;

/** `rampart status`. */
export async function status(args: string[], io: CommandIo): Promise<number> {
  const options = optionsOf(args, io);
  if (options === undefined) return codes.well;
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
  return codes[hostVerdict(shown).state];
}

/** The other exit codes tell the state of the host, so wrong usage has one of its own. */
function optionsOf(args: string[], io: CommandIo): Options | undefined {
  try {
    return readOptions({ command: 'status', help, options: { json: 'flag' } }, args, io);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(error.message, error.problems, WRONG_USAGE);
  }
}

function absenceText(dataDir: string, processes: ReturnType<typeof lookForInstance>['processes']): string {
  if (processes.length === 0) return `nothing of Rampart runs for ${dataDir}; rampart start starts it`;
  const list = processes.map(({ role, instance, pid }) => `${role} ${instance} (process ${pid})`).join(', ');
  const control = processes.some(({ role }) => role === 'control') ? 'its control does not answer' : 'no control runs';
  return `${control} for ${dataDir}, so its state is not known; these run: ${list}`;
}

const member = z.object({ role: z.string(), instance: z.number(), pid: z.number(), uptime_seconds: z.number() });

const shownStatus: z.ZodType<ShownStatus> = z.object({
  version: z.string(),
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
  discovery: z
    .array(z.object({ upstream: z.string(), name: z.string(), backends: z.number(), problem: z.string().nullable() }))
    .optional(),
});
