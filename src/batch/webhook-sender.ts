import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { webhookHeaders } from '../core/webhook-signature.ts';
import { type WebhookAttempt, webhookVerdict, type WebhookVerdict } from '../policy/batch/webhook-delivery.ts';
import { backoffMs } from '../policy/retry/backoff.ts';
import { publicBatch } from '../store/batches/public-batch.ts';
import type { ClaimedWebhook, WebhookQueue } from '../store/batches/webhook-queue.ts';
import type { WebhookClient } from './webhook-client.ts';

export interface WebhookSenderOptions {
  readonly webhooks: Pick<WebhookQueue, 'feed' | 'claim' | 'end'>;
  readonly client: Pick<WebhookClient, 'post'>;
  readonly clock: Clock;
  readonly random: Random;
  /** In front of the paths of Rampart's own routes. */
  readonly prefix: string;
  /** Of the header field `user-agent`. */
  readonly version: string;
  attempted(verdict: WebhookVerdict, batchId: string): void;
  problem(message: string, error: unknown): void;
}

/** Webhooks that a process has under way at a time. */
const AT_A_TIME = 8;
/** Between two looks for work. */
const POLL_MS = 2000;
/** How long a stop waits for receivers; what they miss is sent again. */
const STOP_MS = 3000;
const retryLimits = { firstMs: 100, maxMs: 5000 };

/** Announces the ends of batches, until it is asked to stop. */
export class WebhookSender {
  readonly #options: WebhookSenderOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #cut = new AbortController();
  #isStopped = false;
  #cutTimer: Timer | undefined;
  #isAwake = false;
  #wake: (() => void) | undefined;

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
  }

  /** A batch may have ended. */
  wake(): void {
    this.#isAwake = true;
    this.#wake?.();
  }

  /** Begins no further one, and soon cuts off those under way. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#wake?.();
    this.#cutTimer = this.#options.clock.setTimeout(() => this.#cut.abort(), STOP_MS);
  }

  /** Resolves when it was asked to stop and the webhooks under way have ended. */
  async run(): Promise<void> {
    for (let failures = 0; !this.#isStopped;) {
      this.#isAwake = false;
      try {
        await this.#options.webhooks.feed();
        await this.#begin();
        failures = 0;
      } catch (error) {
        failures++;
        this.#options.problem('webhooks wait for PostgreSQL', error);
      }
      await this.#sleep(failures === 0 ? POLL_MS : backoffMs(failures, retryLimits, this.#options.random));
    }
    await Promise.all(this.#underWay);
    this.#cutTimer?.cancel();
  }

  async #begin(): Promise<void> {
    while (this.#underWay.size < AT_A_TIME && !this.#isStopped) {
      const webhook = await this.#options.webhooks.claim();
      if (webhook === undefined) return;
      const sent: Promise<void> = this.#send(webhook).finally(() => {
        this.#underWay.delete(sent);
        // Its key may have another one that is due.
        this.wake();
      });
      this.#underWay.add(sent);
    }
  }

  /** Never rejects; a webhook whose end cannot be written down is sent again when its job has expired. */
  async #send(webhook: ClaimedWebhook): Promise<void> {
    const { webhooks, attempted, problem } = this.#options;
    try {
      const verdict =
        webhook.secrets.length === 0 ? noSecret : webhookVerdict(await this.#attempt(webhook), webhook.retries);
      await webhooks.end(webhook, verdict);
      attempted(verdict, webhook.batchId);
    } catch (error) {
      problem(`the webhook of batch ${webhook.batchId} cannot be written down`, error);
    }
  }

  #attempt({ batch, batchId, finishedAtMs, url, secrets }: ClaimedWebhook): Promise<WebhookAttempt> {
    const { client, clock, prefix, version } = this.#options;
    const now = clock.wallNow();
    const { webhook: _, ...data } = publicBatch(batch, prefix, now);
    const body = JSON.stringify({
      type: batch.status === 'cancelled' ? 'batch.cancelled' : 'batch.completed',
      timestamp: new Date(finishedAtMs).toISOString(),
      data,
    });
    const message = { id: `${batchId}-${finishedAtMs}`, timestampSeconds: Math.floor(now / 1000), body };
    const headers = { 'content-type': 'application/json', 'user-agent': `Rampart/${version}` };
    return client.post(url, { ...headers, ...webhookHeaders(message, secrets) }, body, this.#cut.signal);
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#isStopped || this.#isAwake) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
    timer.cancel();
  }
}

const noSecret: WebhookVerdict = { kind: 'given-up', why: 'the key has no webhook secret any more' };
