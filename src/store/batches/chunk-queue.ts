import type { Pool, PoolClient } from 'pg';
import { type Db, type JobWithMetadata, PgBoss } from 'pg-boss';
import { z } from 'zod';

/** The items of a batch that are worked on together: `first`, and the `count - 1` after it. */
export interface Chunk {
  readonly batchId: string;
  readonly keyId: string;
  readonly first: number;
  readonly count: number;
}

/** A chunk that this process works on. */
export interface ClaimedChunk extends Chunk {
  readonly jobId: string;
  /** With the id it names the attempt: a chunk that has been given to another worker has a higher one. */
  readonly attempt: number;
}

/** A chunk that ended several workers or transactions, with what the last one said. */
export interface DeadChunk extends ClaimedChunk {
  readonly why: string;
}

export const CHUNK_QUEUE = 'batch-chunk';
export const DEAD_QUEUE = 'batch-chunk-dead';
export const QUEUE_SCHEMA = 'pgboss';

/** A worker that has sent no heartbeat for this long has died; pg-boss takes no less. */
const HEARTBEAT_SECONDS = 10;
/** How often each process looks for workers that have died. */
const SUPERVISE_SECONDS = 5;
/** Longest time of a chunk: far beyond what its items take. A worker gives a chunk back before. */
const EXPIRE_SECONDS = 900;
const RETRIES = 2;
const DAY_SECONDS = 86_400;

const options = {
  expireInSeconds: EXPIRE_SECONDS,
  heartbeatSeconds: HEARTBEAT_SECONDS,
  retryLimit: RETRIES,
  retryDelay: 1,
  // A chunk waits until its batch is cancelled, and leaves no trace when it is done.
  retentionSeconds: 365 * DAY_SECONDS,
  deleteAfterSeconds: 60,
} as const;

/** pg-boss over a connection or a pool of ours. */
export const bossDb = (connection: Pool | PoolClient): Db => ({
  executeSql: async (text, values) => connection.query(text, values as unknown[]),
});

/** pg-boss over a pool of ours, in a schema of its own. */
export function openBoss(pool: Pool, onError: (error: Error) => void): PgBoss {
  const boss = new PgBoss({
    db: bossDb(pool),
    schema: QUEUE_SCHEMA,
    schedule: false,
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: SUPERVISE_SECONDS,
  });
  boss.on('error', onError);
  return boss;
}

/** The chunks that workers take: a queue of pg-boss, which finds dead workers, repeats, and gives up. */
export class ChunkQueue {
  readonly #boss: PgBoss;

  constructor(boss: PgBoss) {
    this.#boss = boss;
  }

  /** Makes what is missing of pg-boss's own schema, and begins to watch for workers that have died. */
  async start(): Promise<void> {
    await this.#boss.start();
    await this.#boss.createQueue(DEAD_QUEUE, { ...options, retryLimit: 1_000_000 });
    await this.#boss.createQueue(CHUNK_QUEUE, { ...options, deadLetter: DEAD_QUEUE });
  }

  async stop(): Promise<void> {
    await this.#boss.stop({ graceful: false, close: false });
  }

  /** Puts chunks into the queue, within the transaction of the client. `delaySeconds`: not before. */
  async add(client: PoolClient, chunks: readonly Chunk[], delaySeconds = 0): Promise<void> {
    const jobs = chunks.map((chunk) => ({ data: chunk, ...(delaySeconds > 0 && { startAfter: delaySeconds }) }));
    await this.#boss.insert(CHUNK_QUEUE, jobs, { db: bossDb(client) });
  }

  async claim(): Promise<ClaimedChunk | undefined> {
    const [job] = await this.#boss.fetch<Chunk>(CHUNK_QUEUE, { includeMetadata: true });
    return job && claimed(job);
  }

  async claimDead(): Promise<DeadChunk | undefined> {
    const [job] = await this.#boss.fetch<Chunk>(DEAD_QUEUE, { includeMetadata: true });
    return job && { ...claimed(job), why: whyOf(job) };
  }

  /** Tells that this attempt is alive. */
  async touch({ jobId, attempt }: ClaimedChunk): Promise<void> {
    await this.#boss.touch(CHUNK_QUEUE, { id: jobId, retryCount: attempt });
  }

  /** Ends a chunk within the transaction of the client, which has made sure that the chunk is this worker's. */
  async complete(client: PoolClient, { jobId, attempt }: ClaimedChunk, queue = CHUNK_QUEUE): Promise<void> {
    await this.#boss.complete(queue, { id: jobId, retryCount: attempt }, null, { db: bossDb(client) });
  }

  /** The attempt failed; the chunk is tried again, or becomes a dead one. */
  async fail({ jobId, attempt }: Pick<ClaimedChunk, 'jobId' | 'attempt'>, why: string): Promise<void> {
    await this.#boss.fail(CHUNK_QUEUE, { id: jobId, retryCount: attempt }, { message: why });
  }
}

const claimed = ({ id, retryCount, data }: JobWithMetadata<Chunk>): ClaimedChunk => ({
  ...data,
  jobId: id,
  attempt: retryCount,
});

/** pg-boss puts what it says itself, as of a lost heartbeat, into `value`. */
const lastWords = z.object({ message: z.string() }).or(z.object({ value: z.object({ message: z.string() }) }));

function whyOf({ sourceOutput }: JobWithMetadata<Chunk>): string {
  const { data } = lastWords.safeParse(sourceOutput);
  if (data === undefined) return 'its worker died';
  return 'value' in data ? data.value.message : data.message;
}
