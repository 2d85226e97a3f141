import { UsageError } from '../core/errors.ts';
import type { ChangeResult, KeyRecord } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import type { CommandIo } from './io.ts';
import { type KeyRequest, parseKeyRequest } from './key-request.ts';
import { tellWorkers, withOwnStore } from './own-store.ts';

function time(ms: number): string {
  return new Date(ms).toISOString();
}

/** A key as `--json` shows it. */
function shown({ id, name, prefix, createdAtMs, revokedAtMs, limit, priority }: KeyRecord): Record<string, unknown> {
  return {
    id,
    name,
    prefix,
    created_at: time(createdAtMs),
    revoked_at: revokedAtMs === undefined ? null : time(revokedAtMs),
    limit: limit === undefined ? null : { requests_per_second: limit.requestsPerSecond, burst: limit.burst },
    priority: priority ?? null,
  };
}

function line(key: KeyRecord): string {
  const state = key.revokedAtMs === undefined ? 'active' : `revoked ${time(key.revokedAtMs)}`;
  const priority = key.priority === undefined ? '' : `  ${key.priority}`;
  return `${key.id}  ${key.prefix}…  ${time(key.createdAtMs)}  ${state}  ${limitText(key)}${priority}  ${key.name}\n`;
}

const limitText = ({ limit }: KeyRecord): string =>
  limit === undefined ? 'no own limit' : `${limit.requestsPerSecond}/s burst ${limit.burst}`;

async function create(store: Store, { name, limit, priority, asJson }: KeyRequest, io: CommandIo): Promise<void> {
  const { record, text } = await store.keys.create(name, { limit, priority });
  if (asJson) io.stdout.write(`${JSON.stringify({ ...shown(record), key: text })}\n`);
  else io.stdout.write(`${text}\n`);
  if (!asJson) io.stderr.write(`Made key ${record.id} (${record.name}). It is stored nowhere: keep it now.\n`);
}

async function list(store: Store, { asJson }: KeyRequest, io: CommandIo): Promise<void> {
  const keys = await store.keys.list();
  if (asJson) io.stdout.write(`${JSON.stringify(keys.map(shown))}\n`);
  else if (keys.length === 0) io.stderr.write('No key yet: make one with rampart keys create\n');
  else for (const key of keys) io.stdout.write(line(key));
}

async function revoke(store: Store, { operand, asJson }: KeyRequest, io: CommandIo): Promise<void> {
  const record = changed(await store.keys.revoke(operand), 'revoke');
  await tellWorkers(io);
  if (asJson) io.stdout.write(`${JSON.stringify(shown(record))}\n`);
  else io.stdout.write(`Revoked key ${record.id} (${record.name}).\n`);
}

async function limitKey(store: Store, { operand, limit, asJson }: KeyRequest, io: CommandIo): Promise<void> {
  const record = changed(await store.keys.setLimit(operand, limit), 'limit');
  await tellWorkers(io);
  if (asJson) io.stdout.write(`${JSON.stringify(shown(record))}\n`);
  else io.stdout.write(`Key ${record.id} (${record.name}) has ${limitText(record)} now.\n`);
}

function changed(result: ChangeResult, what: string): KeyRecord {
  if (result.kind === 'changed') return result.record;
  if (result.kind === 'not-found')
    throw new UsageError(
      `Cannot ${what} a key, as none has this id, is this one, or begins so (7 to 11 characters): see rampart keys list`,
    );
  throw new UsageError(
    `Cannot ${what} a key, as ${result.matches.length} keys begin so: give the id of one of them`,
    result.matches.map(({ id, name }) => `${id} ${name}`),
  );
}

async function perform(request: KeyRequest, store: Store, io: CommandIo): Promise<void> {
  if (request.command === 'create') await create(store, request, io);
  else if (request.command === 'list') await list(store, request, io);
  else if (request.command === 'limit') await limitKey(store, request, io);
  else await revoke(store, request, io);
}

/** `rampart keys`: resolves to the exit code; throws a UsageError for the caller to print. */
export async function keys(args: string[], io: CommandIo): Promise<number> {
  const request = parseKeyRequest(args, io);
  if (request === undefined) return 0;
  await withOwnStore(io, 'rampart-keys', (store) => perform(request, store, io));
  return 0;
}
