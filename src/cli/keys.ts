import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../core/clock.ts';
import { UsageError, messageOf } from '../core/errors.ts';
import { runFolder } from '../core/run-folder.ts';
import { controlSocket } from '../control/control.ts';
import { tellControl } from '../control/link.ts';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../store/embedded/embedded-postgres.ts';
import type { KeyRecord } from '../store/keys.ts';
import { migrate } from '../store/migrations.ts';
import type { Store } from '../store/store.ts';
import { openStore } from '../store/store.ts';
import type { CommandIo } from './io.ts';

const HELP = `Usage: rampart keys <command> [--json]

  create [--name NAME]     make a key and show it, this once
  list                     all keys, newest first, revoked ones included
  revoke <id or prefix>    refuse a key from now on; a prefix is the beginning of the key, at least 7 characters

It works on DATABASE_URL, or else on the embedded PostgreSQL in RAMPART_DATA_DIR, which need not be running.
`;

const COMMANDS = ['create', 'list', 'revoke'];
const NAME_CHARACTERS = 200;

interface Request {
  readonly command: string;
  readonly operands: readonly string[];
  readonly name: string;
  readonly asJson: boolean;
}

function parse(args: readonly string[]): Request | 'help' {
  const options = {
    name: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`Cannot read the command: ${messageOf(error)}. See rampart keys --help`);
  }
  const { values, positionals } = parsed;
  if (values.help === true) return 'help';
  const [command = '', ...operands] = positionals;
  if (!COMMANDS.includes(command))
    throw new UsageError(`rampart keys takes ${COMMANDS.join(', ')}: got '${command}'. See rampart keys --help`);
  const expected = command === 'revoke' ? 1 : 0;
  if (operands.length !== expected)
    throw new UsageError(
      `rampart keys ${command} takes ${expected} operand${expected === 1 ? '' : 's'}: got ${operands.length}. See rampart keys --help`,
    );
  const name = values.name ?? 'unnamed';
  if (name === '' || name.length > NAME_CHARACTERS || /\p{Cc}/u.test(name))
    throw new UsageError(`--name takes 1 to ${NAME_CHARACTERS} printable characters: got ${JSON.stringify(name)}`);
  return { command, operands, name, asJson: values.json === true };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

/** A key as `--json` shows it. */
function shown(key: KeyRecord): Record<string, string | null> {
  const { id, name, prefix } = key;
  const revokedAt = key.revokedAtMs === undefined ? null : time(key.revokedAtMs);
  return { id, name, prefix, created_at: time(key.createdAtMs), revoked_at: revokedAt };
}

function line(key: KeyRecord): string {
  const state = key.revokedAtMs === undefined ? 'active' : `revoked ${time(key.revokedAtMs)}`;
  return `${key.id}  ${key.prefix}…  ${time(key.createdAtMs)}  ${state}  ${key.name}\n`;
}

async function create(store: Store, { name, asJson }: Request, io: CommandIo): Promise<void> {
  const { record, text } = await store.keys.create(name);
  if (asJson) io.stdout.write(`${JSON.stringify({ ...shown(record), key: text })}\n`);
  else io.stdout.write(`${text}\n`);
  if (!asJson) io.stderr.write(`Made key ${record.id} (${record.name}). It is stored nowhere: keep it now.\n`);
}

async function list(store: Store, { asJson }: Request, io: CommandIo): Promise<void> {
  const keys = await store.keys.list();
  if (asJson) io.stdout.write(`${JSON.stringify(keys.map(shown))}\n`);
  else if (keys.length === 0) io.stderr.write('No key yet: make one with rampart keys create\n');
  else for (const key of keys) io.stdout.write(line(key));
}

async function revoke(store: Store, { operands, asJson }: Request, io: CommandIo): Promise<void> {
  const wanted = operands[0] ?? '';
  const result = await store.keys.revoke(wanted);
  if (result.kind === 'not-found')
    throw new UsageError(
      'Cannot revoke a key, as none has this id or begins so (at least 7 characters): see rampart keys list',
    );
  if (result.kind === 'ambiguous')
    throw new UsageError(
      `Cannot revoke a key, as ${result.matches.length} keys begin so: give the id of one of them`,
      result.matches.map(({ id, name }) => `${id} ${name}`),
    );
  await tellControl(controlSocket(runFolder(dataDirOf(io))), { type: 'keys-changed' });
  if (asJson) io.stdout.write(`${JSON.stringify(shown(result.record))}\n`);
  else io.stdout.write(`Revoked key ${result.record.id} (${result.record.name}).\n`);
}

const dataDirOf = ({ env, folder }: CommandIo): string => resolve(folder, env['RAMPART_DATA_DIR'] || '.rampart');

/** Runs `work` on the database's URL; an embedded PostgreSQL that was not running is stopped again afterwards. */
async function withDatabase<Result>(io: CommandIo, work: (url: string) => Promise<Result>): Promise<Result> {
  const given = io.env['DATABASE_URL'] ?? '';
  if (given !== '') return work(given);
  const dataDir = dataDirOf(io);
  const running = await findEmbeddedPostgres(dataDir);
  if (running !== undefined) return work(running.url);
  const started = await startEmbeddedPostgres({ dataDir });
  try {
    return await work(started.url);
  } finally {
    // One that somebody has started in the meantime is theirs.
    if (!started.adopted) await started.stop();
  }
}

async function perform(request: Request, url: string, io: CommandIo): Promise<void> {
  await migrate(url);
  const store = openStore({
    url,
    poolMax: 1,
    poolTimeoutMs: 5_000,
    applicationName: 'rampart-keys',
    clock: systemClock,
  });
  try {
    if (request.command === 'create') await create(store, request, io);
    else if (request.command === 'list') await list(store, request, io);
    else await revoke(store, request, io);
  } finally {
    await store.close();
  }
}

/** `rampart keys`: resolves to the exit code; throws a UsageError for the caller to print. */
export async function keys(args: string[], io: CommandIo): Promise<number> {
  const request = parse(args);
  if (request === 'help') {
    io.stdout.write(HELP);
    return 0;
  }
  await withDatabase(io, (url) => perform(request, url, io));
  return 0;
}
