import { loadConfig } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { openBatchWork } from '../store/batches/open.ts';
import type { GivenUp, Redrive, Redriven } from '../store/batches/redrive.ts';
import { migrate } from '../store/migrations.ts';
import { directUrlOf } from './database.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { guess, type Options, readOptions } from './options.ts';
import { hasOwnStore, ownPlaceOf, withOwnDatabase } from './own-store.ts';

const help = `usage: rampart batches <command> [--json]

  dead-letters             list the items of batches that were given up although they need not be at fault: dead letters,
                           which ended their batch workers again and again, and those that broke what they met
                           (upstream-failed, upstream-timeout, deadline, internal-error); by batch and reason
  redrive <batch>          take up those items of a batch again: it runs until they have new results
  redrive --all            the same for every batch

Find the reason first and mend it: a dead letter that is taken up again ends batch workers again. A batch that was cancelled, or
whose key is revoked, stays as it is. The batches are those of DATABASE_URL, or of the embedded PostgreSQL in RAMPART_DATA_DIR.
`;

const optionKinds = { all: 'flag', json: 'flag' } as const;
const operands = { least: 1, most: 2, what: 'a command and, for redrive, the id of a batch' };
const subcommands = { 'dead-letters': ['json'], redrive: ['all', 'json'] };
const POOL_MAX = 3;
const POOL_TIMEOUT_MS = 5000;

/** `rampart batches`. */
export async function batches(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'batches', help, options: optionKinds, operands, subcommands }, args, io);
  if (options === undefined) return exitCodes.ok;
  checkArguments(options);
  const config = await loadConfig(io.env, io.folder, 'look at batches');
  if (!(await hasOwnStore(io)))
    throw new UsageError(
      `Cannot look at batches, as there is no database in ${ownPlaceOf(io)}: run this in the folder of the Rampart that is meant, or set its RAMPART_DATA_DIR or DATABASE_URL`,
    );
  return withOwnDatabase(io, async (pooled) => {
    const url = directUrlOf(config, pooled);
    await migrate(url);
    const shared = { url, poolMax: POOL_MAX, poolTimeoutMs: POOL_TIMEOUT_MS, clock: systemClock };
    const work = openBatchWork({ ...shared, onError: () => {} });
    try {
      await work.queue.start();
      return await perform(options, work.redrive, io);
    } finally {
      await work.close();
    }
  });
}

function checkArguments(options: Options): void {
  const [command = '', batch] = options.operands;
  const isAll = options.flag('all');
  const names = Object.keys(subcommands);
  if (!names.includes(command))
    throw new UsageError(`rampart batches takes ${names.join(' or ')}: got '${command}'${guess(command, names)}`);
  if (command === 'dead-letters' && (batch !== undefined || isAll))
    throw new UsageError('rampart batches dead-letters takes --json alone');
  if (command === 'redrive' && (batch === undefined) !== isAll)
    throw new UsageError('rampart batches redrive takes either the id of a batch or --all');
}

async function perform(options: Options, redrive: Redrive, io: CommandIo): Promise<number> {
  const [command, batch] = options.operands;
  const asJson = options.flag('json');
  if (command === 'dead-letters') {
    const found = await redrive.list();
    io.stdout.write(asJson ? `${JSON.stringify(found.map(shown))}\n` : found.map(line).join(''));
    if (found.length === 0 && !asJson) io.stderr.write('No items were given up that may be taken up again.\n');
    return exitCodes.ok;
  }
  const ids = batch === undefined ? [...new Set((await redrive.list()).map(({ batchId }) => batchId))] : [batch];
  const results: { readonly batch: string; readonly result: Redriven }[] = [];
  for (const id of ids) results.push({ batch: id, result: await redrive.redrive(id) });
  if (asJson)
    io.stdout.write(`${JSON.stringify(results.map(({ batch: id, result }) => ({ batch: id, ...result })))}\n`);
  else for (const each of results) io.stdout.write(said(each));
  if (ids.length === 0 && !asJson) io.stderr.write('No items were given up that may be taken up again.\n');
  // Of all batches, those that must stay as they are were left out on purpose.
  return batch === undefined || results.every(({ result }) => result.kind === 'redriven')
    ? exitCodes.ok
    : exitCodes.failed;
}

const shown = ({ batchId, keyId, keyName, reason, items, first, detail }: GivenUp): Record<string, unknown> => ({
  batch: batchId,
  key: { id: keyId, name: keyName },
  reason,
  items,
  first_item: first,
  detail,
});

const line = ({ batchId, keyName, reason, items, first, detail }: GivenUp): string =>
  `${batchId}  ${keyName}  ${reason}  ${items} ${items === 1 ? 'item' : 'items'}, the first is ${first}: ${detail.slice(0, 200)}\n`;

const why: Readonly<Record<Exclude<Redriven['kind'], 'redriven'>, string>> = {
  'no-batch': 'there is no such batch',
  nothing: 'no item of it was given up that may be taken up again',
  cancelled: 'it was cancelled',
  revoked: 'its key is revoked',
};

const said = ({ batch, result }: { readonly batch: string; readonly result: Redriven }): string =>
  result.kind === 'redriven'
    ? `${batch}: ${result.items} ${result.items === 1 ? 'item is' : 'items are'} in the queue again.\n`
    : `${batch} stays as it is, as ${why[result.kind]}.\n`;
