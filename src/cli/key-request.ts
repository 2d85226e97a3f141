import { UsageError } from '../core/errors.ts';
import { timeSpanMs } from '../core/time-span.ts';
import type { Priority } from '../policy/admission/priority.ts';
import type { RateLimit } from '../protocol/tokens.ts';
import type { CommandIo } from './io.ts';
import { guess, type Options, readOptions } from './options.ts';

const help = `usage: rampart keys <command> [--json]

  create [--name NAME] [--rate N [--burst N]] [--priority interactive|bulk] [--expires WHEN] [--scope ENDPOINT,...]
                           make a key; its text is shown only now. --expires 90d (s, m, h or d) or a date such as
                           2027-01-31: from then on it is refused with 401. --scope: the endpoints that it may use
                           (createBarcode, or those of the configuration file); others answer 403. All by default
  list                     list all keys, newest first, revoked and expired ones included
  limit <id or prefix> --rate N [--burst N]
                           limit the requests of a key: N a second over all hosts of VALKEY_URL, and a burst after a pause
                           (as many as a second allows)
  limit <id or prefix> --none
                           remove the key's own limit; the keyLimit of the configuration file holds, if there is one
  rotate <id or prefix> [--overlap 24h] [--expires WHEN]
                           give a key another text, shown only now. Id, records and limits stay; the text before is
                           accepted for 24 hours, or as long as --overlap says (0s: not at all), and one that an
                           earlier rotation has left is refused at once
  webhook <id or prefix> [--overlap 24h]
                           give a key a secret that signs the webhooks of its batches (docs/batches.md), shown only now.
                           Given again, another one: for 24 hours, or as --overlap says, webhooks are signed with both
  webhook <id or prefix> --none
                           remove the secret: webhooks of the key are refused, and those on their way are given up
  revoke <id or prefix>    refuse a key from now on; a prefix is the first 7 to 11 characters of the key, as
                           keys list shows them, or the whole key

A change reaches running workers at once. The keys are those of DATABASE_URL, or of the embedded PostgreSQL in
RAMPART_DATA_DIR, which need not be running.
`;

const optionKinds = {
  name: 'value',
  rate: 'value',
  burst: 'value',
  none: 'flag',
  priority: 'value',
  expires: 'value',
  scope: 'value',
  overlap: 'value',
  json: 'flag',
} as const;
type OptionName = keyof typeof optionKinds;

const commands = {
  create: { operands: 0, options: ['name', 'rate', 'burst', 'priority', 'expires', 'scope'] },
  list: { operands: 0, options: [] },
  limit: { operands: 1, options: ['rate', 'burst', 'none'] },
  rotate: { operands: 1, options: ['overlap', 'expires'] },
  webhook: { operands: 1, options: ['overlap', 'none'] },
  revoke: { operands: 1, options: [] },
} as const satisfies Record<string, { operands: number; options: readonly OptionName[] }>;
type KeyCommand = keyof typeof commands;

const NAME_CHARACTERS = 200;
const SEE_HELP = 'See rampart keys --help';

/** A command line of `rampart keys` that makes sense. */
export interface KeyRequest {
  readonly command: KeyCommand;
  /** The key that it is about, by id or prefix; empty where it is about none. */
  readonly operand: string;
  readonly name: string;
  readonly limit: RateLimit | undefined;
  readonly priority: Priority | undefined;
  /** When the key ends; in milliseconds from now, or since the epoch. */
  readonly expires: { readonly inMs: number } | { readonly atMs: number } | undefined;
  readonly scopes: readonly string[] | undefined;
  readonly overlapMs: number;
  /** Take away what the command would give. */
  readonly none: boolean;
  readonly asJson: boolean;
}

/** Throws a UsageError where the line makes no sense; undefined where it asks for help, which is printed. */
export function parseKeyRequest(args: readonly string[], io: CommandIo): KeyRequest | undefined {
  const operands = { least: 1, most: 2, what: 'a command and, for limit, rotate, webhook and revoke, a key' };
  const subcommands = Object.fromEntries(
    Object.entries(commands).map(([name, { options }]) => [name, [...options, 'json']]),
  );
  const options = readOptions({ command: 'keys', help, options: optionKinds, operands, subcommands }, args, io);
  if (options === undefined) return undefined;
  const [command = '', operand] = options.operands;
  if (!isCommand(command)) {
    const names = Object.keys(commands);
    throw new UsageError(
      `rampart keys takes ${names.join(', ')}: got '${command}'${guess(command, names) || '.'} ${SEE_HELP}`,
    );
  }
  checkArguments(command, options);
  const limit = limitOf(options.text('rate'), options.text('burst'));
  if (command === 'limit' && (limit === undefined) !== options.flag('none')) {
    throw new UsageError(`rampart keys limit takes either --rate or --none. ${SEE_HELP}`);
  }
  return {
    command,
    operand: operand ?? '',
    name: nameOf(options.text('name')),
    limit,
    priority: priorityOf(options.text('priority')),
    expires: expiryOf(options.text('expires')),
    scopes: scopesOf(options.text('scope')),
    overlapMs: overlapOf(options.text('overlap')),
    none: options.flag('none'),
    asJson: options.flag('json'),
  };
}

/** Every command has operands and options of its own. */
function checkArguments(command: KeyCommand, options: Options): void {
  const expected = commands[command].operands;
  const got = options.operands.length - 1;
  if (got !== expected) {
    const wanted = `${expected} operand${expected === 1 ? '' : 's'}`;
    throw new UsageError(`rampart keys ${command} takes ${wanted}: got ${got}. ${SEE_HELP}`);
  }
  const allowed = new Set<OptionName>(['json', ...commands[command].options]);
  const stray = (Object.keys(optionKinds) as OptionName[]).find((name) => options.has(name) && !allowed.has(name));
  if (stray !== undefined) throw new UsageError(`rampart keys ${command} does not take --${stray}. ${SEE_HELP}`);
}

const isCommand = (text: string): text is KeyCommand => Object.hasOwn(commands, text);

function nameOf(name = 'unnamed'): string {
  if (name === '' || name.length > NAME_CHARACTERS || /\p{Cc}/u.test(name))
    throw new UsageError(`--name takes 1 to ${NAME_CHARACTERS} printable characters: got ${JSON.stringify(name)}`);
  return name;
}

function priorityOf(text: string | undefined): Priority | undefined {
  if (text === undefined || text === 'interactive' || text === 'bulk') return text;
  throw new UsageError(`--priority takes interactive or bulk: got '${text}'`);
}

const MOST_MS = 100 * 365 * 86_400_000;
const DEFAULT_OVERLAP_MS = 86_400_000;
const datePattern = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;

function expiryOf(text: string | undefined): KeyRequest['expires'] {
  if (text === undefined) return undefined;
  const inMs = timeSpanMs(text);
  if (inMs !== undefined && inMs > 0 && inMs <= MOST_MS) return { inMs };
  const atMs = datePattern.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(atMs)) return { atMs };
  throw new UsageError(
    `--expires takes a time such as 90d, 24h, 30m or 10s, or a date such as 2027-01-31 or 2027-01-31T12:00Z: got '${text}'`,
  );
}

/** `Date.parse` takes 31 February for 3 March. */
function isDay(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

function scopesOf(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const wrong = names.find((name) => !/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name));
  if (wrong !== undefined || names.length > 100)
    throw new UsageError(`--scope takes up to 100 names of endpoints with commas between them: got '${wrong ?? text}'`);
  return names;
}

function overlapOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_OVERLAP_MS;
  const ms = timeSpanMs(text);
  if (ms === undefined || ms > MOST_MS)
    throw new UsageError(`--overlap takes a time such as 24h, 30m, or 0s for none: got '${text}'`);
  return ms;
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
