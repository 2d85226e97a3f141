import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack, stackSettings } from '../support/stack.ts';

interface Answer {
  readonly status: number;
  readonly reason: string | undefined;
  readonly location: string | null;
  readonly text: string;
}

describe('Idempotency-Key', () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack(await stackSettings({ UPSTREAM_TIMEOUT_MS: '2000', QUEUE_TIMEOUT_MS: '500' }));
  });
  after(async () => assert.equal(await stack.stop(), 0));

  async function create(key: string, body: unknown, apiKey = stack.key): Promise<Answer> {
    const reply = await fetch(`${stack.url}/v1/barcodes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await reply.text();
    const isProblem = reply.headers.get('content-type') === 'application/problem+json';
    const reason = isProblem ? (JSON.parse(text) as { reason: string }).reason : undefined;
    return { status: reply.status, reason, location: reply.headers.get('location'), text };
  }

  const qrcode = { symbology: 'qrcode', text: 'once' };
  const postgres = async (): Promise<string> => (await findEmbeddedPostgres(stack.dataDir))?.url ?? '';
  const recordsOf = async (text: string): Promise<number> =>
    Number(
      (await queryOnce(await postgres(), `SELECT count(*)::int AS n FROM barcodes WHERE text = '${text}'`))[0]?.['n'],
    );

  test('the same key and body gets the first reply again, from any worker, whatever the order of its fields', async () => {
    const first = await create('a-1', qrcode);
    assert.equal(first.status, 201);
    for (let index = 0; index < 8; index++) assert.deepEqual(await create('a-1', qrcode), first);
    assert.deepEqual(await create('"a-1"', { text: 'once', symbology: 'qrcode' }), first);
    assert.equal(await recordsOf('once'), 1);
    const id = first.location ?? '';
    const read = await fetch(`${stack.url}${id}`, { headers: { authorization: `Bearer ${stack.key}` } });
    assert.equal(read.status, 200, 'the record is there at once');
  });

  test('another body is refused, and another client has keys of its own', async () => {
    assert.equal((await create('b-1', qrcode)).status, 201);
    const other = await create('b-1', { ...qrcode, text: 'twice' });
    assert.deepEqual([other.status, other.reason], [422, 'idempotency-key-reused']);
    const { stdout } = await stack.run('keys', 'create', '--name', 'another', '--json');
    const second = (JSON.parse(stdout) as { key: string }).key;
    const theirs = await create('b-1', { ...qrcode, text: 'twice' }, second);
    assert.equal(theirs.status, 201);
  });

  test('of a hundred at the same time one is made, and the others get its reply or 409', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => create('c-1', { ...qrcode, text: 'hundred' })));
    const made = answers.filter(({ status }) => status === 201);
    const others = answers.filter(({ status }) => status !== 201);
    assert.ok(made.length >= 1);
    assert.equal(new Set(made.map(({ location }) => location)).size, 1);
    assert.deepEqual(new Set(others.map(({ reason }) => reason)), new Set(others.length > 0 ? ['in-progress'] : []));
    assert.equal(await recordsOf('hundred'), 1);
  });

  test('a request that failed leaves its key free', async () => {
    assert.equal((await create('d-1', { symbology: 'ean13', text: '1' })).status, 422);
    assert.equal((await create('d-1', { ...qrcode, text: 'after a mistake' })).status, 201);
  });

  for (const [name, key] of [
    ['none', ''],
    ['too long', 'x'.repeat(256)],
    ['an open quote', '"open'],
    ['two of them', 'one", "two'],
  ] as const)
    test(`a header that is no key is refused: ${name}`, async () => {
      const answer = await create(key, qrcode);
      assert.deepEqual([answer.status, answer.reason], [400, 'malformed-request']);
    });

  test('the maker is killed: its key is taken over when its time is over, and one record is made', async () => {
    const [, key] = [qrcode, 'e-1'];
    const body = { ...qrcode, text: 'killed maker' };
    // The claim of a process that died before it could finish.
    await queryOnce(
      await postgres(),
      `INSERT INTO idempotency_keys (key_id, key, body_hash, barcode_id, claimed_until, created_at)
       SELECT id, 'e-1', sha256('{"symbology":"qrcode","text":"killed maker"}'), gen_random_uuid(), now() + interval '2 s', now()
       FROM api_keys WHERE name <> 'another' LIMIT 1 RETURNING 1`,
    );
    assert.deepEqual((await create(key, body)).reason, 'in-progress');
    await eventually('it is taken over', async () => (await create(key, body)).status === 201);
    assert.equal(await recordsOf('killed maker'), 1);
  });

  test('without PostgreSQL it is 503, while requests without the header go on', async () => {
    const server = await findEmbeddedPostgres(stack.dataDir);
    assert.ok(server);
    process.kill(server.pid, 'SIGKILL');
    const answer = await create('f-1', { ...qrcode, text: 'away' });
    assert.deepEqual([answer.status, answer.reason], [503, 'store-unavailable']);
    const reply = await fetch(`${stack.url}/v1/barcodes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stack.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...qrcode, text: 'meanwhile' }),
    });
    assert.equal(reply.status, 201);
    await reply.text();
    // The dying server may have taken the claim without an answer, and then it lasts for 12.5 s.
    await eventually(
      'it works again',
      async () => (await create('f-1', { ...qrcode, text: 'away' })).status === 201,
      30_000,
    );
    assert.equal(await recordsOf('away'), 1);
  });
});
