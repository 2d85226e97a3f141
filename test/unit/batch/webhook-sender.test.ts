import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WebhookSender } from '../../../src/batch/webhook-sender.ts';
import { newWebhookSecret, webhookHeaders } from '../../../src/core/webhook-signature.ts';
import type { WebhookAttempt, WebhookVerdict } from '../../../src/policy/batch/webhook-delivery.ts';
import type { Batch } from '../../../src/store/batches/batches.ts';
import type { ClaimedWebhook } from '../../../src/store/batches/webhook-queue.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const FINISHED_MS = 1_699_999_000_000;
const batch: Batch = {
  id: '019ac4e0-0000-7000-8000-000000000001',
  total: 3,
  done: 2,
  failed: 1,
  status: 'completed',
  createdAtMs: FINISHED_MS - 5000,
  startedAtMs: FINISHED_MS - 4000,
  finishedAtMs: FINISHED_MS,
  webhook: { state: 'sending', attempts: 1, lastError: undefined },
};
const claimed = (change: Partial<ClaimedWebhook> = {}): ClaimedWebhook => ({
  batch,
  batchId: batch.id,
  finishedAtMs: FINISHED_MS,
  jobId: 'job',
  retries: 0,
  url: 'https://example.com/done',
  secrets: [newWebhookSecret()],
  ...change,
});

interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends these webhooks and stops. */
async function send(
  waiting: ClaimedWebhook[],
  answer: () => Promise<WebhookAttempt> = async () => ({ kind: 'reply', status: 200 }),
  feed = async () => {},
) {
  const posts: Post[] = [];
  const ended: WebhookVerdict[] = [];
  const problems: string[] = [];
  const count = waiting.length;
  const sender = new WebhookSender({
    webhooks: {
      feed,
      claim: async () => waiting.shift(),
      async end(_, verdict) {
        ended.push(verdict);
        if (ended.length === count) sender.stop();
      },
    },
    client: {
      async post(url, headers, body) {
        posts.push({ url, headers, body });
        return answer();
      },
    },
    clock: new ManualClock(),
    random: () => 0.5,
    prefix: '/api',
    version: '1.2.3',
    attempted: () => {},
    problem: (message) => {
      problems.push(message);
      sender.stop();
    },
  });
  await sender.run();
  return { posts, ended, problems };
}

describe('WebhookSender', () => {
  test('sends the batch as its progress shows it, signed with both secrets, at the time of the attempt', async () => {
    const webhook = claimed({ secrets: [newWebhookSecret(), newWebhookSecret()] });
    const { posts, ended } = await send([webhook]);
    assert.deepEqual(ended, [{ kind: 'delivered' }]);
    const [post] = posts;
    assert.ok(post);
    assert.equal(post.url, webhook.url);
    assert.deepEqual(JSON.parse(post.body), {
      type: 'batch.completed',
      timestamp: '2023-11-14T21:56:40.000Z',
      data: {
        id: batch.id,
        status: 'completed',
        total: 3,
        done: 2,
        failed: 1,
        pending: 0,
        items_per_second: 0.8,
        created_at: '2023-11-14T21:56:35.000Z',
        started_at: '2023-11-14T21:56:36.000Z',
        finished_at: '2023-11-14T21:56:40.000Z',
        expected_end: null,
        results: `/api/v1/batches/${batch.id}/results`,
      },
    });
    const message = { id: `${batch.id}-${FINISHED_MS}`, timestampSeconds: 1_700_000_000, body: post.body };
    assert.deepEqual(post.headers, {
      'content-type': 'application/json',
      'user-agent': 'Rampart/1.2.3',
      ...webhookHeaders(message, webhook.secrets),
    });
  });

  test('a cancelled batch is announced as such', async () => {
    const { posts } = await send([claimed({ batch: { ...batch, status: 'cancelled' } })]);
    assert.equal((JSON.parse(posts[0]?.body ?? '{}') as { type: string }).type, 'batch.cancelled');
  });

  test('a repetition has the same id, and the secret may be gone by then', async () => {
    const { posts, ended } = await send([claimed(), claimed({ retries: 3 }), claimed({ secrets: [] })]);
    assert.equal(new Set(posts.map(({ headers }) => headers['webhook-id'])).size, 1);
    assert.equal(posts.length, 2);
    assert.deepEqual(
      ended.find(({ kind }) => kind === 'given-up'),
      { kind: 'given-up', why: 'the key has no webhook secret any more' },
    );
  });

  test('eight are under way at a time, and a stop waits for those', async () => {
    let underWay = 0;
    let most = 0;
    const { ended } = await send(
      Array.from({ length: 20 }, () => claimed()),
      async () => {
        most = Math.max(most, ++underWay);
        await new Promise<void>((resolve) => void setImmediate(resolve));
        underWay--;
        return { kind: 'reply', status: 500 };
      },
    );
    assert.equal(most, 8);
    assert.equal(underWay, 0);
    assert.equal(ended.length, 20);
  });

  test('a database that is away is told, and looked for again', async () => {
    const { problems } = await send([], undefined, async () => {
      throw new Error('away');
    });
    assert.deepEqual(problems, ['webhooks wait for PostgreSQL']);
  });
});
