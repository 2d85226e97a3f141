import type { Clock, Timer } from '../../core/clock.ts';
import { checkDatabaseUrl } from '../connection.ts';
import { ObservedPool } from '../observed-pool.ts';
import { Session, sessionConfig, type SessionTerms } from '../session.ts';
import { NEW_BATCH_CHANNEL } from './batches.ts';
import { ChunkQueue, openBoss } from './chunk-queue.ts';
import { ChunkStore } from './chunk-store.ts';
import { Redrive } from './redrive.ts';
import { WebhookQueue } from './webhook-queue.ts';

export interface BatchWorkOptions {
  readonly url: string;
  /** For LISTEN, if a pooler in transaction mode stands in front of `url`. */
  readonly directUrl?: string | undefined;
  readonly poolMax: number;
  /** How long a call may wait for a connection. */
  readonly poolTimeoutMs: number;
  readonly clock: Clock;
  readonly onPoolWait?: ((seconds: number) => void) | undefined;
  /** A failure that is repaired by itself: of an idle connection, or of pg-boss's own upkeep. */
  readonly onError: (error: Error) => void;
}

/** What a batch worker needs of PostgreSQL. */
export interface BatchWork {
  readonly queue: ChunkQueue;
  readonly chunks: ChunkStore;
  readonly webhooks: WebhookQueue;
  readonly redrive: Redrive;
  /** Calls back whenever a batch has been accepted, by whichever worker; now and then for nothing. */
  listen(onNew: () => void): void;
  /** Connections of the pool, and calls that wait for one. */
  pool(): { readonly total: number; readonly idle: number; readonly waiting: number };
  close(): Promise<void>;
}

/** A transaction needs a connection, and pg-boss another one beside it. */
const SMALLEST_POOL = 3;
const QUERY_TIMEOUT_MS = 10_000;

/** Connects when first used. */
export function openBatchWork(options: BatchWorkOptions): BatchWork {
  const { url, clock, onError } = options;
  checkDatabaseUrl(url);
  const shared = { applicationName: 'rampart batch', connectMs: options.poolTimeoutMs };
  const isPooled = options.directUrl !== undefined;
  const pool = new ObservedPool(
    {
      ...sessionConfig({ ...shared, url, statementMs: QUERY_TIMEOUT_MS, isPooled }),
      Client: Session,
      max: Math.max(SMALLEST_POOL, options.poolMax),
    },
    clock,
    options.onPoolWait ?? (() => {}),
  );
  pool.on('error', onError);
  const boss = openBoss(pool, onError);
  const queue = new ChunkQueue(boss);
  let listener: BatchListener | undefined;
  return {
    queue,
    chunks: new ChunkStore(pool, queue),
    webhooks: new WebhookQueue(boss, pool),
    redrive: new Redrive(pool, queue),
    listen(onNew) {
      listener = new BatchListener({ ...shared, url: options.directUrl ?? url }, clock, onNew);
    },
    pool: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    async close() {
      await listener?.close();
      await queue.stop();
      await pool.end();
    },
  };
}

const RECONNECT_MS = 1000;

/** One connection that listens. It is made again when it breaks; the worker looks for itself meanwhile. */
class BatchListener {
  readonly #connection: SessionTerms;
  readonly #clock: Clock;
  readonly #onNew: () => void;
  #client: Session | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(connection: SessionTerms, clock: Clock, onNew: () => void) {
    this.#connection = connection;
    this.#clock = clock;
    this.#onNew = onNew;
    this.#open();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#client?.end().catch(() => {});
  }

  #open(): void {
    const client = new Session(sessionConfig(this.#connection));
    this.#client = client;
    client.on('error', () => {});
    client.on('end', () => this.#again());
    client.on('notification', () => this.#onNew());
    client
      .connect()
      .then(() => client.query(`LISTEN ${NEW_BATCH_CHANNEL}`))
      .catch(() => this.#again());
  }

  #again(): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimeout(() => this.#open(), RECONNECT_MS);
  }
}
