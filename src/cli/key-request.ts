import { parseArgs } from 'node:util';
import { messageOf, UsageError } from '../core/errors.ts';
import type { Priority } from '../policy/admission/priority.ts';
import type { RateLimit } from '../protocol/tokens.ts';

export const HELP = `Usage: rampart keys <command> [--json]

  create [--name NAME] [--rate N [--burst N]] [--priority interactive|bulk]
                           make a key and show it, this once
  list                     all keys, newest first, revoked ones included
  limit <id or prefix> --rate N [--burst N]
                           what the key may ask of this host: N requests a second, and a burst after a rest
                           (by default what a second brings)
  limit <id or prefix> --none
                           no limit of its own: the keyLimit of the configuration file holds, if there is one
  revoke <id or prefix>    refuse a key from now on; a prefix is the beginning of the key, 7 to 11
                           characters as keys list shows them, or all of it

A change reaches running workers at once.
It works on DATABASE_URL, or else on the embedded PostgreSQL in RAMPART_DATA_DIR, which need not be running.
`;

const flags = {
  name: { type: 'string' },
  rate: { type: 'string' },
  burst: { type: 'string' },
  none: { type: 'boolean' },
  priority: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;
type Flag = keyof typeof flags;

const commands = {
  create: { operands: 0, flags: ['name', 'rate', 'burst', 'priority'] },
  list: { operands: 0, flags: [] },
  limit: { operands: 1, flags: ['rate', 'burst', 'none'] },
  revoke: { operands: 1, flags: [] },
} as const satisfies Record<string, { operands: number; flags: readonly Flag[] }>;
type Command = keyof typeof commands;

const NAME_CHARACTERS = 200;
const SEE_HELP = 'See rampart keys --help';

/** A command line of `rampart keys` that makes sense. */
export interface KeyRequest {
  readonly command: Command;
  /** The key that it is about, by id or prefix; empty where it is about none. */
  readonly operand: string;
  readonly name: string;
  readonly limit: RateLimit | undefined;
  readonly priority: Priority | undefined;
  readonly asJson: boolean;
}

/** Throws a UsageError of one line where it makes none. */
export function parseKeyRequest(args: readonly string[]): KeyRequest | 'help' {
  const { values, positionals } = read(args);
  if (values.help === true) return 'help';
  const [command = '', ...operands] = positionals;
  if (!isCommand(command)) {
    throw new UsageError(`rampart keys takes ${Object.keys(commands).join(', ')}: got '${command}'. ${SEE_HELP}`);
  }
  const expected = commands[command].operands;
  if (operands.length !== expected) {
    const wanted = `${expected} operand${expected === 1 ? '' : 's'}`;
    throw new UsageError(`rampart keys ${command} takes ${wanted}: got ${operands.length}. ${SEE_HELP}`);
  }
  const allowed = new Set<Flag>(['json', 'help', ...commands[command].flags]);
  const stray = (Object.keys(values) as Flag[]).find((flag) => !allowed.has(flag));
  if (stray !== undefined) throw new UsageError(`rampart keys ${command} does not take --${stray}. ${SEE_HELP}`);
  const limit = limitOf(values.rate, values.burst);
  if (command === 'limit' && (limit === undefined) !== (values.none === true)) {
    throw new UsageError(`rampart keys limit takes either --rate or --none. ${SEE_HELP}`);
  }
  return {
    command,
    operand: operands[0] ?? '',
    name: nameOf(values.name),
    limit,
    priority: priorityOf(values.priority),
    asJson: values.json === true,
  };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`Cannot read the command: ${messageOf(error)}. ${SEE_HELP}`);
  }
}

const isCommand = (text: string): text is Command => Object.hasOwn(commands, text);

function nameOf(name = 'unnamed'): string {
  if (name === '' || name.length > NAME_CHARACTERS || /\p{Cc}/u.test(name))
    throw new UsageError(`--name takes 1 to ${NAME_CHARACTERS} printable characters: got ${JSON.stringify(name)}`);
  return name;
}

function priorityOf(text: string | undefined): Priority | undefined {
  if (text === undefined || text === 'interactive' || text === 'bulk') return text;
  throw new UsageError(`--priority takes interactive or bulk: got '${text}'`);
}

/** The ranges are those of the configuration file, and of the table. */
function limitOf(rate: string | undefined, burst: string | undefined): RateLimit | undefined {
  if (rate === undefined) {
    if (burst !== undefined) throw new UsageError('--burst needs --rate beside it');
    return undefined;
  }
  const requestsPerSecond = /^\d+(?:\.\d+)?$/.test(rate) ? Number(rate) : Number.NaN;
  if (!(requestsPerSecond >= 0.001 && requestsPerSecond <= 1_000_000))
    throw new UsageError(`--rate takes requests per second from 0.001 to 1000000: got '${rate}'`);
  if (burst !== undefined && !(/^[1-9]\d{0,6}$/.test(burst) && Number(burst) <= 1_000_000))
    throw new UsageError(`--burst takes a whole number from 1 to 1000000: got '${burst}'`);
  return { requestsPerSecond, burst: burst === undefined ? Math.ceil(requestsPerSecond) : Number(burst) };
}
