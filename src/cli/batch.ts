import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BatchWorker, type BatchEvents } from '../batch/batch-worker.ts';
import { GatewayClient } from '../batch/gateway-client.ts';
import { WebhookClient } from '../batch/webhook-client.ts';
import { WebhookSender } from '../batch/webhook-sender.ts';
import { needsDatabase } from '../config/config.ts';
import { builtinPrefix } from '../config/own-routes.ts';
import { AddressSet } from '../core/addresses.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { lowerPriority } from '../core/low-priority.ts';
import type { WebhookVerdict } from '../policy/batch/webhook-delivery.ts';
import { BATCH_CONNECTIONS } from '../store/pool-size.ts';
import { type BatchWork, openBatchWork } from '../store/batches/open.ts';
import { databaseUrlOf } from './database.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { poolMetrics } from './pool-metrics.ts';
import { announceReady, enterRole, exitCodeOf, linkToControl, type RoleContext, stopRequests } from './role.ts';
import { version } from './version.ts';

const help = `usage: rampart batch

Runs a batch worker: it takes chunks of batches out of PostgreSQL and has their barcodes made by the gateway workers of this
host, as bulk work. It also sends the webhooks of batches that have ended. rampart start runs BATCH_WORKERS of them.
`;

/** One connection of its own listens for new batches. */
const POOL = BATCH_CONNECTIONS - 1;

/** `rampart batch`. */
export async function batch(args: string[], io: CommandIo): Promise<number> {
  if (readOptions({ command: 'batch', help }, args, io) === undefined) return exitCodes.ok;
  const context = await enterRole('batch', io);
  const { config, clock, random, log, runFolder } = context;
  if (!needsDatabase(config))
    throw new UsageError('Cannot start batch, as this host has no database: GENERATOR_INSTANCES is 0');
  giveWay(context);
  const { BATCH_CONCURRENCY, BATCH_RETENTION_DAYS, BATCH_WORKERS } = config.env;
  const stop = stopRequests(context);
  const link = linkToControl(context, { status: () => ({}) });
  const work = await openWork(context);
  const gateway = new GatewayClient({ runFolder, connections: BATCH_CONCURRENCY, now: () => clock.now() });
  const claim = new ClaimFile(join(runFolder, `batch-${context.instance}.json`));
  const sender = new WebhookSender(senderOptions(context, work));
  const worker = new BatchWorker({
    chunks: work.chunks,
    queue: work.queue,
    gateway,
    clock,
    random,
    concurrency: BATCH_CONCURRENCY,
    workers: Math.max(1, BATCH_WORKERS),
    retentionDays: BATCH_RETENTION_DAYS,
    events: eventsOf(context, claim, sender),
  });
  const started = startQueue(context, work, claim, stop.first);
  announceReady();
  const both = [worker, sender];
  void stop.first.then(() => both.forEach((each) => each.stop()));
  if (await started) {
    work.listen(() => both.forEach((each) => each.wake()));
    log.debug('batch worker ready');
    await Promise.all(both.map((each) => each.run()));
  }
  await gateway.close();
  await work.close();
  await link.close();
  return exitCodeOf(context);
}

async function openWork({ config, clock, registry, log }: RoleContext): Promise<BatchWork> {
  const work: BatchWork = openBatchWork({
    url: await databaseUrlOf(config),
    directUrl: config.env.DATABASE_DIRECT_URL,
    poolMax: POOL,
    poolTimeoutMs: config.env.DATABASE_POOL_TIMEOUT_MS,
    clock,
    onPoolWait: poolMetrics(registry, 'batch', POOL, () => work.pool()),
    onError: (error) => log.warn({ reason: error.message }, 'the queue of batches'),
  });
  return work;
}

/** The processor goes to requests first. */
function giveWay({ log }: RoleContext): void {
  try {
    lowerPriority(process.pid);
  } catch (error) {
    log.debug({ reason: messageOf(error) }, 'the priority stays as it is');
  }
}

const RETRY_MS = 1000;

/** Starts the queue as soon as PostgreSQL is there; false if this process is to stop before. */
async function startQueue(
  { clock, log }: RoleContext,
  { queue, webhooks }: BatchWork,
  claim: ClaimFile,
  stopped: Promise<unknown>,
): Promise<boolean> {
  const stop = new AbortController();
  void stopped.then(() => stop.abort());
  while (!stop.signal.aborted) {
    try {
      await queue.start();
      await webhooks.start();
      // The chunk of the process that was here before and died: nobody waits for its heartbeat.
      const left = claim.read();
      if (left !== undefined) await queue.fail(left, 'its worker died');
      return true;
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'the queue of batches cannot be opened yet');
      await Promise.race([stopped, new Promise<void>((resolve) => void clock.setTimeout(resolve, RETRY_MS))]);
    }
  }
  return false;
}

const claimSchema = z.object({ jobId: z.uuid(), attempt: z.int().min(0) });

/** The chunk that the process of this instance works on, so that its successor can give it back at once. */
class ClaimFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  read(): z.output<typeof claimSchema> | undefined {
    try {
      return claimSchema.safeParse(JSON.parse(readFileSync(this.#path, 'utf8'))).data;
    } catch {
      // None, or one that was cut short: its heartbeat runs out.
      return undefined;
    }
  }

  write(claim: z.output<typeof claimSchema>): void {
    try {
      writeFileSync(this.#path, JSON.stringify(claim), { mode: 0o600 });
    } catch {
      // On a full disk the heartbeat has to run out.
    }
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}

function senderOptions({ config, clock, random, registry, log }: RoleContext, { webhooks }: BatchWork) {
  const results = { delivered: 'delivered', again: 'failed', 'given-up': 'given-up' } as const;
  const attempts = registry.counter('rampart_batch_webhooks_total', 'Attempts to send a webhook, by result', 'result');
  const allowed = new AddressSet(config.env.BATCH_WEBHOOK_ALLOW);
  return {
    webhooks,
    client: new WebhookClient({ clock, allowed }),
    clock,
    random,
    prefix: builtinPrefix(config),
    version,
    attempted(verdict: WebhookVerdict, batch: string) {
      attempts.of(results[verdict.kind]).add(1);
      if (verdict.kind === 'given-up') log.warn({ batch, reason: verdict.why }, 'a webhook is given up');
    },
    problem: (message: string, error: unknown) => log.warn({ reason: messageOf(error) }, message),
  };
}

function eventsOf({ registry, log }: RoleContext, claim: ClaimFile, sender: WebhookSender): BatchEvents {
  const items = registry.counter('rampart_batch_items_total', 'Items of batches by what became of them', 'result');
  const pending = registry.gauge('rampart_batch_pending', 'Items of batches that have no result yet', 'max').of();
  const help = 'Seconds from the claim of a chunk to its end, by how it ended';
  const chunks = registry.histogram('rampart_batch_chunk_seconds', help, 'end');
  const dead = registry
    .counter('rampart_batch_dead_letters_total', 'Items that ended their workers again and again')
    .of();
  return {
    deadLetter({ batchId: batch, first: item, why: reason }) {
      dead.add(1);
      log.warn({ batch, item, reason }, 'an item is a dead letter: rampart batches redrive takes it up again');
    },
    claimed: ({ jobId, attempt }) => claim.write({ jobId, attempt }),
    idle: () => claim.remove(),
    stored({ made, failed }) {
      items.of('done').add(made);
      items.of('failed').add(failed);
    },
    chunkEnded(how, seconds) {
      chunks.of(how).observe(seconds);
      sender.wake();
    },
    pending: (count) => pending.set(count),
    problem: (message, error) => log.warn({ reason: messageOf(error) }, message),
  };
}
