import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BatchClient, type BatchState, qrcodes } from '../support/batch-client.ts';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { isSignedWith, startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

interface WithWebhook extends BatchState {
  readonly webhook?: { readonly status: string; readonly attempts: number; readonly last_error: string | null };
}

describe('webhooks of batches', { timeout: 240_000 }, () => {
  let stack: Stack;
  let client: BatchClient;
  let receiver: WebhookReceiver;
  let secret: string;
  before(async () => {
    stack = await startStack({ BATCH_WEBHOOK_ALLOW: '127.0.0.1', GENERATOR_INSTANCES: '1' });
    client = new BatchClient(stack);
    receiver = await startWebhookReceiver();
    secret = await newSecret();
  });
  after(async () => {
    receiver.close();
    assert.equal(await stack.stop(), 0);
  });

  async function newSecret(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await stack.run('keys', 'webhook', stack.key.slice(0, 11), ...args);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }
  const post = (url: string, count = 2, headers: Record<string, string> = {}): Promise<Response> =>
    client.post(
      qrcodes(count, 'hook')
        .map((item) => JSON.stringify(item))
        .join('\n'),
      { 'rampart-webhook': url, ...headers },
    );
  async function create(count = 2): Promise<string> {
    const reply = await post(receiver.url, count);
    assert.equal(reply.status, 202, await reply.clone().text());
    const { id, webhook } = (await reply.json()) as WithWebhook;
    assert.deepEqual(webhook, { status: 'waiting', attempts: 0, last_error: null });
    return id;
  }
  const stateOf = async (id: string) => ((await client.state(id)) as WithWebhook).webhook;
  const messagesOf = (id: string) => receiver.got.filter(({ message }) => message.data.id === id);
  const delivered = (id: string) =>
    eventually('it is delivered', async () => (await stateOf(id))?.status === 'delivered', 60_000);

  test('the end of a batch is posted once, signed, with its progress', async () => {
    const id = await create();
    await delivered(id);
    assert.deepEqual(await stateOf(id), { status: 'delivered', attempts: 1, last_error: null });
    const [got, ...more] = messagesOf(id);
    assert.ok(got);
    assert.deepEqual(more, []);
    assert.equal(isSignedWith(secret, got), true);
    assert.equal(got.message.type, 'batch.completed');
    assert.deepEqual([got.message.data.status, got.message.data.done, got.message.data.failed], ['completed', 2, 0]);
    assert.ok(Math.abs(Number(got.headers['webhook-timestamp']) - Date.now() / 1000) < 60);
    assert.equal(got.headers['content-type'], 'application/json');
  });

  test('a batch without a webhook has none, and a cancelled one is announced as cancelled', async () => {
    assert.equal(await stateOf(await client.create(qrcodes(1))), undefined);
    const id = await create(20_000);
    await client.fetch(`/v1/batches/${id}/cancel`, { method: 'POST' });
    await delivered(id);
    assert.equal(messagesOf(id)[0]?.message.type, 'batch.cancelled');
  });

  test('a receiver that fails is asked again, with the same id', async () => {
    receiver.answer = 500;
    const id = await create();
    await eventually(
      'it has failed',
      async () => (await stateOf(id))?.last_error === 'the receiver answered 500',
      60_000,
    );
    assert.equal((await stateOf(id))?.status, 'sending');
    receiver.answer = 200;
    await delivered(id);
    assert.equal((await stateOf(id))?.last_error, null);
    const messages = messagesOf(id);
    assert.ok(messages.length >= 2);
    assert.equal(new Set(messages.map(({ headers }) => headers['webhook-id'])).size, 1);
  });

  test('a webhook that hangs while its process is killed and all of Rampart is started again is delivered', async () => {
    receiver.answer = undefined;
    const id = await create();
    await eventually('it is under way', () => messagesOf(id).length > 0, 60_000);
    assert.deepEqual(await stateOf(id), { status: 'sending', attempts: 1, last_error: null });
    const batch = (await stack.status()).processes.find(({ role }) => role === 'batch');
    process.kill(batch?.pid ?? 0, 'SIGKILL');
    process.kill(stack.supervisor.pid ?? 0, 'SIGINT');
    await eventually('it has stopped', () => stack.supervisor.exitCode !== null, 60_000);
    receiver.answer = 200;
    await stack.startAgain();
    // Its job expires half a minute after its claim.
    await eventually('it is delivered', async () => (await stateOf(id))?.status === 'delivered', 150_000);
    const [first, ...later] = messagesOf(id);
    assert.ok(later.length >= 1);
    assert.equal(later.at(-1)?.headers['webhook-id'], first?.headers['webhook-id']);
  });

  test('a new secret signs beside the one before, which ends; without a secret there are no webhooks', async () => {
    const next = await newSecret('--overlap', '1h');
    const both = await create();
    await delivered(both);
    const [got] = messagesOf(both);
    assert.ok(got && isSignedWith(next, got) && isSignedWith(secret, got));
    const last = await newSecret('--overlap', '0s');
    const one = await create();
    await delivered(one);
    const [only] = messagesOf(one);
    assert.ok(only && isSignedWith(last, only) && !isSignedWith(next, only));

    const { stdout: listed } = await stack.run('keys', 'list');
    assert.match(listed, /signs webhooks/);
    assert.ok(!listed.includes(last));
    await newSecret('--none');
    const reply = await post(receiver.url);
    assert.equal(reply.status, 422);
    assert.match(await reply.text(), /no secret.*rampart keys webhook/);
    assert.doesNotMatch((await stack.run('keys', 'list')).stdout, /signs webhooks/);
    secret = await newSecret();
  });

  for (const [name, url] of [
    ['no URL', 'done'],
    ['a private address', 'https://10.0.0.1/'],
    ['the metadata of a cloud', 'http://169.254.169.254/latest/meta-data/'],
    ['another loopback address', 'http://127.0.0.2:1/'],
    ['a file', 'file:///etc/passwd'],
  ] as const)
    test(`refused before the list is read: ${name}`, async () => {
      const reply = await post(url);
      assert.equal(reply.status, 422);
      const problem = (await reply.json()) as { reason: string; errors: { field: string }[] };
      assert.deepEqual([problem.reason, problem.errors[0]?.field], ['invalid-request', 'Rampart-Webhook']);
    });

  test('a name that leads to a private address is refused when it is sent', async () => {
    const reply = await post('https://localhost:1/');
    assert.equal(reply.status, 202);
    const { id } = (await reply.json()) as BatchState;
    const expected = /host has an address that is not public|ECONNREFUSED/;
    await eventually('it has failed', async () => expected.test((await stateOf(id))?.last_error ?? ''), 60_000);
  });

  test('with an Idempotency-Key, another webhook is another request', async () => {
    const headers = { 'idempotency-key': 'hook-1' };
    const first = await post(receiver.url, 1, headers);
    const body = await first.text();
    assert.equal(first.status, 202, body);
    const again = await post(receiver.url, 1, headers);
    assert.deepEqual([again.status, await again.text()], [202, body]);
    const other = await post(`${receiver.url}?other`, 1, headers);
    assert.equal(((await other.json()) as { reason: string }).reason, 'idempotency-key-reused');
  });

  test('attempts are in the metrics, and the document has the message', async () => {
    await eventually('they are there', async () => {
      const metrics = await stack.metrics();
      return /rampart_batch_webhooks_total\{result="delivered"\} [1-9]/.test(metrics);
    });
    const document = (await (await fetch(`${stack.url}/openapi.json`)).json()) as { webhooks: Record<string, unknown> };
    assert.deepEqual(Object.keys(document.webhooks), ['batchEnded']);
  });
});
