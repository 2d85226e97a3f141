import { setTimeout as delay } from 'node:timers/promises';
import type { ReadStream, WriteStream } from 'node:tty';
import { controlSocket } from '../control/control-socket.ts';
import { askControl } from '../control/link.ts';
import { systemClock } from '../core/clock.ts';
import { runFolder } from '../core/run-folder.ts';
import type { LiveView } from '../protocol/live-view.ts';
import { absenceText, lookForInstance } from './instance.ts';
import type { CommandIo } from './io.ts';
import { dataDirOf } from './own-store.ts';
import { type Options, readOptions } from './options.ts';
import { stateCode, NO_NEWS, withWrongUsage } from './state-codes.ts';
import { TopScreen } from './top/live.ts';
import { plainText } from './top/plain.ts';
import { styleOf } from './top/terminal.ts';

const help = `usage: rampart top [--once] [--json [--interval SECONDS]] [--color | --no-color]

Shows the running instance of RAMPART_DATA_DIR second by second: whether it is well, what limits it, its upstreams, endpoints
and processes. Keys: ? lists them.
  --once      print the state once, without escape sequences, and end
  --json      print it once as JSON; with --interval one line of JSON every so many seconds (schemaVersion 1)
  --interval  seconds between two lines, from 1 to 3600
  --color, --no-color  whatever NO_COLOR and TERM say

Exit codes of --once and --json: 0 well, 1 degraded or overloaded, 2 down, 3 nothing runs, or control does not answer,
64 wrong usage. docs/runbook.md has a section for every cause.
`;

const ANSWER_LIMIT_MS = 3000;

/** `rampart top`. */
export async function top(args: string[], io: CommandIo): Promise<number> {
  const options = withWrongUsage(() => optionsOf(args, io));
  if (options === undefined) return 0;
  const socket = controlSocket(runFolder(dataDirOf(io)));
  const look = (): Promise<LiveView | undefined> => viewAt(socket);
  const color = options.flag('color') ? true : options.flag('no-color') ? false : undefined;
  const style = styleOf(io.env, color);
  if (options.has('interval')) return lines(look, options.whole('interval', 1, 1, 3600), io);
  const { stdin, stdout } = process;
  const isScreen =
    stdin.isTTY && stdout.isTTY && !options.flag('once') && !options.flag('json') && io.env['TERM'] !== 'dumb';
  if (isScreen) {
    await new TopScreen(stdin as ReadStream, stdout as WriteStream, style, look, systemClock).run();
    return 0;
  }
  const view = await look();
  if (view === undefined) return absent(io);
  io.stdout.write(options.flag('json') ? `${JSON.stringify(view, undefined, 2)}\n` : plainText(view, style.isUnicode));
  return stateCode(view.verdict.state);
}

function optionsOf(args: string[], io: CommandIo): Options | undefined {
  const options = readOptions(
    {
      command: 'top',
      help,
      options: { once: 'flag', json: 'flag', interval: 'value', color: 'flag', 'no-color': 'flag' },
    },
    args,
    io,
  );
  if (options === undefined) return undefined;
  if (options.has('interval') && !options.flag('json')) options.problem('--interval needs --json');
  options.whole('interval', 1, 1, 3600);
  options.check();
  return options;
}

/** Control of an earlier version answers without a view. */
async function viewAt(socket: string): Promise<LiveView | undefined> {
  const answer = await askControl(socket, { type: 'ask', what: 'view' }, ANSWER_LIMIT_MS);
  const isView =
    typeof answer === 'object' && answer !== null && 'schemaVersion' in answer && answer.schemaVersion === 1;
  return isView ? (answer as LiveView) : undefined;
}

function absent(io: CommandIo): number {
  const { dataDir, processes } = lookForInstance(io);
  io.stderr.write(`rampart: ${absenceText(dataDir, processes)}\n`);
  return NO_NEWS;
}

/** One line each interval until a signal or the end of the reader ends it. */
async function lines(look: () => Promise<LiveView | undefined>, seconds: number, io: CommandIo): Promise<number> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  process.stdout.once('error', end);
  let code = NO_NEWS;
  while (!stop.signal.aborted) {
    const view = await look();
    if (view === undefined) return absent(io);
    code = stateCode(view.verdict.state);
    io.stdout.write(`${JSON.stringify(view)}\n`);
    await delay(seconds * 1000, undefined, { signal: stop.signal }).catch(() => {
      // Ended while it waited.
    });
  }
  return code;
}
