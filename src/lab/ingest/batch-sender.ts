import { Client, type Dispatcher } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { type Distribution, Latencies } from '../measure/latency.ts';

export interface IngestPlan {
  /** Items that come to the sender each second; undefined: as many as are accepted. */
  readonly itemsPerSecond: number | undefined;
  /** Items in a request. */
  readonly batchItems: number;
  /** Items that may wait in the sender; further ones are dropped and counted. */
  readonly queueItems: number;
  /** Requests at a time. */
  readonly connections: number;
  /** It ends after this time, or after so many items, whatever comes first. */
  readonly durationMs: number;
  readonly items: number;
}

export interface IngestResult {
  readonly offered: number;
  readonly accepted: number;
  /** Items that found the queue full. */
  readonly dropped: number;
  /** Requests that were told to come back later. */
  readonly refused: number;
  readonly errors: Readonly<Record<string, number>>;
  /** From the sending of a batch to its reply. */
  readonly latency: Distribution;
  readonly elapsedMs: number;
}

const FEED_MS = 5;
/** A refusal names a second; a sender that must keep up asks again sooner, and not at once. */
const RETRY_MS = 50;
const REPLY_LIMIT_MS = 120_000;

/** Hands items over in batches at a given rate, through a queue that has an end. */
export class BatchSender {
  readonly #plan: IngestPlan;
  readonly #clock: Clock;
  readonly #body: Buffer;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #latencies = new Latencies();
  readonly #errors: Record<string, number> = {};
  #queued = 0;
  #offered = 0;
  #accepted = 0;
  #dropped = 0;
  #refused = 0;
  #isOver = false;
  #wake: (() => void)[] = [];

  constructor(plan: IngestPlan, key: string, clock: Clock) {
    this.#plan = plan;
    this.#clock = clock;
    this.#body = bodyOf(plan.batchItems);
    this.#headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' };
  }

  async run(origin: string): Promise<IngestResult> {
    const { connections, durationMs } = this.#plan;
    const startedAt = this.#clock.now();
    const clients = Array.from({ length: connections }, () => new Client(origin, { headersTimeout: REPLY_LIMIT_MS }));
    const timer = this.#clock.setTimeout(() => this.#end(), durationMs);
    const feeding = this.#feed(startedAt);
    await Promise.all(clients.map((client) => this.#send(client)));
    timer.cancel();
    this.#end();
    await feeding;
    await Promise.all(clients.map((client) => client.close()));
    return {
      offered: this.#offered,
      accepted: this.#accepted,
      dropped: this.#dropped,
      refused: this.#refused,
      errors: this.#errors,
      latency: this.#latencies.distribution(),
      elapsedMs: this.#clock.now() - startedAt,
    };
  }

  #end(): void {
    this.#isOver = true;
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Items come in small steps; those for which the queue has no room are lost, as in a stream that cannot wait. */
  async #feed(startedAt: number): Promise<void> {
    const { itemsPerSecond, queueItems, items } = this.#plan;
    while (!this.#isOver && this.#offered < items) {
      const due =
        itemsPerSecond === undefined
          ? items
          : Math.min(items, Math.floor(((this.#clock.now() - startedAt) * itemsPerSecond) / 1000));
      const come = due - this.#offered;
      const room = itemsPerSecond === undefined ? come : Math.min(come, Math.max(0, queueItems - this.#queued));
      this.#offered = due;
      this.#queued += room;
      this.#dropped += come - room;
      for (const wake of this.#wake.splice(0)) wake();
      if (this.#offered < items) await this.#pause(FEED_MS);
    }
  }

  async #send(client: Client): Promise<void> {
    const { batchItems } = this.#plan;
    for (;;) {
      while (this.#queued < batchItems && !this.#isOver && !this.#isFed)
        await new Promise<void>((resolve) => void this.#wake.push(resolve));
      if (this.#isOver || this.#queued < batchItems) return;
      this.#queued -= batchItems;
      const isRefused = await this.#hand(client);
      if (isRefused) {
        this.#queued += batchItems;
        await this.#pause(RETRY_MS);
      }
    }
  }

  get #isFed(): boolean {
    return this.#offered >= this.#plan.items;
  }

  /** Whether the batch has to be sent again. */
  async #hand(client: Client): Promise<boolean> {
    const sentAt = this.#clock.now();
    try {
      const reply = await client.request({
        method: 'POST',
        path: '/v1/batches',
        headers: this.#headers,
        body: this.#body,
      });
      return await this.#took(reply, sentAt);
    } catch (error) {
      this.#failed(messageOf(error));
      await this.#pause(RETRY_MS);
      return false;
    }
  }

  async #took({ statusCode, body }: Dispatcher.ResponseData, sentAt: number): Promise<boolean> {
    await body.dump();
    if (statusCode === 202) {
      this.#latencies.record(this.#clock.now() - sentAt);
      this.#accepted += this.#plan.batchItems;
      return false;
    }
    if (statusCode === 503 || statusCode === 429) {
      this.#refused++;
      return true;
    }
    this.#failed(`status ${statusCode}`);
    return false;
  }

  #failed(why: string): void {
    this.#errors[why] = (this.#errors[why] ?? 0) + 1;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimeout(resolve, ms));
  }
}

/** The same for all batches of a size, because making them would take the processor from what is measured. */
function bodyOf(items: number): Buffer {
  const lines = Array.from({ length: items }, (_, index) => `{"symbology":"qrcode","text":"item ${index}"}\n`);
  return Buffer.from(lines.join(''));
}
