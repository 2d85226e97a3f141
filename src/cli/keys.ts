import { loadConfig } from '../config/config.ts';
import { publicEndpoints } from '../config/own-routes.ts';
import { systemClock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import type { ChangeResult, KeyRecord } from '../store/keys.ts';
import { shownKey } from '../store/shown-key.ts';
import type { Store } from '../store/store.ts';
import type { CommandIo } from './io.ts';
import { guess } from './options.ts';
import { type KeyRequest, parseKeyRequest } from './key-request.ts';
import { hasOwnStore, ownPlaceOf, tellWorkers, withOwnStore } from './own-store.ts';

function time(ms: number): string {
  return new Date(ms).toISOString();
}

function line(key: KeyRecord): string {
  const terms = [
    limitText(key),
    ...(key.priority === undefined ? [] : [key.priority]),
    ...scopeText(key),
    ...rotationText(key),
    ...(key.hasWebhookSecret ? ['signs webhooks'] : []),
  ];
  return `${key.id}  ${key.prefix}…  ${time(key.createdAtMs)}  ${stateText(key)}  ${terms.join('  ')}  ${key.name}\n`;
}

function stateText({ revokedAtMs, expiresAtMs }: KeyRecord): string {
  if (revokedAtMs !== undefined) return `revoked ${time(revokedAtMs)}`;
  if (expiresAtMs === undefined) return 'active';
  return `${expiresAtMs <= systemClock.wallNow() ? 'expired' : 'active until'} ${time(expiresAtMs)}`;
}

const scopeText = ({ scopes }: KeyRecord): string[] => (scopes === undefined ? [] : [`for ${scopes.join(',')}`]);

function rotationText({ previousUntilMs }: KeyRecord): string[] {
  const isOver = previousUntilMs === undefined || previousUntilMs <= systemClock.wallNow();
  return isOver ? [] : [`text before accepted until ${time(previousUntilMs)}`];
}

const limitText = ({ limit }: KeyRecord): string =>
  limit === undefined ? 'no own limit' : `${limit.requestsPerSecond}/s burst ${limit.burst}`;

function endOf({ expires }: KeyRequest): number | undefined {
  if (expires === undefined) return undefined;
  const now = systemClock.wallNow();
  const atMs = 'atMs' in expires ? expires.atMs : now + expires.inMs;
  if (atMs <= now) throw new UsageError(`--expires takes a time that has not passed: got ${time(atMs)}`);
  return atMs;
}

async function create(store: Store, request: KeyRequest, io: CommandIo): Promise<void> {
  const { name, limit, priority, scopes, asJson } = request;
  const { record, text } = await store.keys.create(name, { limit, priority, scopes, expiresAtMs: endOf(request) });
  if (asJson) io.stdout.write(`${JSON.stringify({ ...shownKey(record), key: text })}\n`);
  else io.stdout.write(`${text}\n`);
  if (!asJson) io.stderr.write(`Made key ${record.id} (${record.name}). It is stored nowhere: keep it now.\n`);
}

async function list(store: Store, { asJson }: KeyRequest, io: CommandIo): Promise<void> {
  const keys = await store.keys.list();
  if (asJson) io.stdout.write(`${JSON.stringify(keys.map(shownKey))}\n`);
  else if (keys.length === 0) io.stderr.write(`No key yet in ${ownPlaceOf(io)}: make one with rampart keys create\n`);
  else for (const key of keys) io.stdout.write(line(key));
}

async function revoke(store: Store, { operand, asJson }: KeyRequest, io: CommandIo): Promise<void> {
  const record = changed(await store.keys.revoke(operand), 'revoke');
  await tellWorkers(io);
  if (asJson) io.stdout.write(`${JSON.stringify(shownKey(record))}\n`);
  else io.stdout.write(`Revoked key ${record.id} (${record.name}).\n`);
}

async function rotate(store: Store, request: KeyRequest, io: CommandIo): Promise<void> {
  const { operand, overlapMs, asJson } = request;
  const result = await store.keys.rotate(operand, { overlapMs, expiresAtMs: endOf(request) });
  const record = changed(result, 'rotate');
  await tellWorkers(io);
  if (asJson) {
    io.stdout.write(`${JSON.stringify({ ...shownKey(record), key: result.text })}\n`);
    return;
  }
  io.stdout.write(`${result.text}\n`);
  const before =
    record.previousUntilMs === undefined ? 'refused from now on' : `accepted until ${time(record.previousUntilMs)}`;
  io.stderr.write(
    `Key ${record.id} (${record.name}) has this text now. It is stored nowhere: keep it. The text before is ${before}.\n`,
  );
}

async function webhookKey(store: Store, request: KeyRequest, io: CommandIo): Promise<void> {
  const { operand, overlapMs, none, asJson } = request;
  const result = await store.keys.setWebhookSecret(operand, none ? 'remove' : { overlapMs });
  const record = changed(result, 'change');
  if (asJson) {
    io.stdout.write(`${JSON.stringify({ ...shownKey(record), webhook_secret: result.secret ?? false })}\n`);
    return;
  }
  if (result.secret !== undefined) io.stdout.write(`${result.secret}\n`);
  const does = result.secret === undefined ? 'signs no webhooks any more' : 'signs webhooks with this secret now';
  io.stderr.write(`Key ${record.id} (${record.name}) ${does}.${result.secret === undefined ? '' : keepIt}\n`);
}

const keepIt = ' It is not shown again: the receiver needs it';

/** A misspelt scope would make a key that may use nothing, or less than was meant. */
async function checkScopes({ scopes }: KeyRequest, io: CommandIo): Promise<void> {
  if (scopes === undefined) return;
  const { routes } = await loadConfig(io.env, io.folder, 'make a key with --scope');
  const known = [...publicEndpoints, ...routes.map(({ endpoint }) => endpoint)];
  const unknown = scopes.filter((scope) => !known.includes(scope));
  if (unknown.length === 0) return;
  throw new UsageError(
    '--scope takes endpoints of Rampart or of the configuration file here (RAMPART_CONFIG names another):',
    unknown.map((scope) => `there is no endpoint '${scope}'${guess(scope, known)}`),
  );
}

async function limitKey(store: Store, { operand, limit, asJson }: KeyRequest, io: CommandIo): Promise<void> {
  const record = changed(await store.keys.setLimit(operand, limit), 'limit');
  await tellWorkers(io);
  if (asJson) io.stdout.write(`${JSON.stringify(shownKey(record))}\n`);
  else io.stdout.write(`Key ${record.id} (${record.name}) has ${limitText(record)} now.\n`);
}

function changed(result: ChangeResult, what: string): KeyRecord {
  if (result.kind === 'changed') return result.record;
  if (result.kind === 'not-found')
    throw new UsageError(
      `Cannot ${what} a key, as none has this id, is this one, or begins so (7 to 11 characters): see rampart keys list`,
    );
  if (result.kind === 'changed-meanwhile')
    throw new UsageError(
      `Cannot ${what} key ${result.record.id} (${result.record.name}), as another command rotated it at the same time: try again`,
    );
  if (result.kind === 'revoked')
    throw new UsageError(
      `Cannot ${what} key ${result.record.id} (${result.record.name}), as it is revoked: make another`,
    );
  throw new UsageError(
    `Cannot ${what} a key, as ${result.matches.length} keys begin so: give the id of one of them`,
    result.matches.map(({ id, name }) => `${id} ${name}`),
  );
}

async function perform(request: KeyRequest, store: Store, io: CommandIo): Promise<void> {
  if (request.command === 'create') await create(store, request, io);
  else if (request.command === 'list') await list(store, request, io);
  else if (request.command === 'rotate') await rotate(store, request, io);
  else if (request.command === 'limit') await limitKey(store, request, io);
  else if (request.command === 'webhook') await webhookKey(store, request, io);
  else await revoke(store, request, io);
}

/** `rampart keys`: resolves to the exit code; throws a UsageError for the caller to print. */
export async function keys(args: string[], io: CommandIo): Promise<number> {
  const request = parseKeyRequest(args, io);
  if (request === undefined) return 0;
  await checkScopes(request, io);
  const isThere = await hasOwnStore(io);
  if (!isThere && request.command !== 'create')
    throw new UsageError(
      `Cannot ${request.command === 'list' ? 'list keys' : `${request.command} a key`}, as there is no database in ${ownPlaceOf(io)}: run this in the folder of the Rampart that is meant, or set its RAMPART_DATA_DIR or DATABASE_URL. rampart keys create makes a database with a first key`,
    );
  if (!isThere) io.stderr.write(`There is no database in ${ownPlaceOf(io)} yet, so one is made.\n`);
  await withOwnStore(io, 'rampart-keys', (store) => perform(request, store, io));
  return 0;
}
