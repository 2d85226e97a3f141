import { Pool } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { type Distribution, Latencies } from '../measure/latency.ts';
import { ask } from '../system/ask.ts';
import type { System } from '../system/system.ts';

const PER_SECOND = 10;
const RECORDS = 50;
const REPLY_LIMIT_MS = 10_000;

export interface ReadResult {
  readonly latency: Distribution;
  /** Reads that were not answered with their record. */
  readonly failed: number;
}

/** Makes some barcodes and reads them; the ids of their records. */
export async function makeRecords(system: System): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 0; number < RECORDS; number++) {
    const { status, headers } = await ask(system, {
      method: 'POST',
      path: '/v1/barcodes',
      headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ symbology: 'qrcode', text: `read ${number}` }),
    });
    if (status !== 201) throw new Error(`POST /v1/barcodes was answered with ${status}`);
    ids.push(String(headers['location']).split('/').at(-1) ?? '');
  }
  await warmUp(system, ids);
  return ids;
}

/** The first reads of a worker open its connections: each record is read over connections of its own, by any worker. */
async function warmUp(system: System, ids: readonly string[]): Promise<void> {
  for (const id of [...ids, ...ids]) {
    const { status } = await ask(system, {
      path: `/v1/barcodes/${id}`,
      headers: { authorization: `Bearer ${system.key}` },
    });
    if (status !== 200) throw new Error(`GET /v1/barcodes/${id} was answered with ${status}`);
  }
}

/** Reads one record after the other by its id, ten a second, whatever becomes of them; until it is stopped. */
export class PointReads {
  readonly #system: System;
  readonly #ids: readonly string[];
  readonly #clock: Clock;
  readonly #latencies = new Latencies();
  readonly #pool: Pool;
  readonly #open = new Set<Promise<void>>();
  readonly #running: Promise<void>;
  #failed = 0;
  #isOver = false;

  constructor(system: System, ids: readonly string[], clock: Clock) {
    this.#system = system;
    this.#ids = ids;
    this.#clock = clock;
    // Several may be on their way: one that waits must not hold up the next.
    this.#pool = new Pool(system.url, { headersTimeout: REPLY_LIMIT_MS });
    this.#running = this.#run();
  }

  async stop(): Promise<ReadResult> {
    this.#isOver = true;
    await this.#running;
    await Promise.all(this.#open);
    await this.#pool.close();
    return { latency: this.#latencies.distribution(), failed: this.#failed };
  }

  async #run(): Promise<void> {
    const startedAt = this.#clock.now();
    for (let number = 0; !this.#isOver; number++) {
      const dueAt = startedAt + (number * 1000) / PER_SECOND;
      await new Promise<void>(
        (resolve) => void this.#clock.setTimeout(resolve, Math.max(0, dueAt - this.#clock.now())),
      );
      const read = this.#read(this.#ids[number % this.#ids.length] ?? '', dueAt).finally(() => this.#open.delete(read));
      this.#open.add(read);
    }
  }

  /** Its time counts from the moment at which it was due. */
  async #read(id: string, dueAt: number): Promise<void> {
    try {
      const { statusCode, body } = await this.#pool.request({
        method: 'GET',
        path: `/v1/barcodes/${id}`,
        headers: { authorization: `Bearer ${this.#system.key}` },
      });
      await body.dump();
      this.#latencies.record(this.#clock.now() - dueAt);
      if (statusCode !== 200) this.#failed++;
    } catch {
      // A read without an answer is a failed one; its reason is that of the system, which the batches meet as well.
      this.#failed++;
    }
  }
}
