import assert from 'node:assert/strict';
import { get, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { type Stack, startStack, stackSettings } from '../support/stack.ts';

/** Records wait so long for their insert that no read of a test can find one in PostgreSQL. */
const FLUSH_MS = 30_000;
/** Fewer than the ten records of which a batch is made at once. */
const COUNT = 9;

describe('a record that PostgreSQL does not have yet', () => {
  let stack: Stack;
  before(async () => {
    const env = { GATEWAY_WORKERS: '3', LEDGER_FLUSH_MS: String(FLUSH_MS), LEDGER_BATCH_SIZE: '10000' };
    stack = await startStack(await stackSettings(env));
  });
  after(() => stack.stop());

  interface Answer {
    readonly status: number;
    readonly location: string;
    readonly bytes: Buffer;
  }

  /** On a connection of its own, so that the kernel chooses the worker. */
  function ask(path: string, body?: string): Promise<Answer> {
    const headers = { 'x-api-key': stack.key, 'content-type': 'application/json' };
    const options = { agent: false, headers, method: body === undefined ? 'GET' : 'POST' } as const;
    return new Promise((resolve, reject) => {
      const open = body === undefined ? get : request;
      const sent = open(`${stack.url}${path}`, options, (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('end', () =>
          resolve({
            status: reply.statusCode ?? 0,
            location: reply.headers.location ?? '',
            bytes: Buffer.concat(chunks),
          }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  const storedCount = async (): Promise<unknown> => {
    const url = (await findEmbeddedPostgres(stack.dataDir))?.url ?? '';
    return (await queryOnce(url, 'SELECT count(*)::int AS n FROM barcodes'))[0]?.['n'];
  };

  test('is found at once from every worker, with its image', async () => {
    const stored = await storedCount();
    const made = await Promise.all(
      Array.from({ length: COUNT }, (_, n) =>
        ask('/v1/barcodes', JSON.stringify({ symbology: 'qrcode', text: `${n}` })),
      ),
    );
    const makers = new Set(made.map(({ location }) => location.slice(-6)));
    assert.ok(makers.size > 1, 'several workers have made records');
    for (const [n, { status, location, bytes }] of made.entries()) {
      assert.equal(status, 201);
      // Eight connections: that all of them reach the maker is as good as impossible for all records together.
      for (let round = 0; round < 8; round++) {
        const read = await ask(location);
        assert.equal(read.status, 200, read.bytes.toString());
        assert.equal((JSON.parse(read.bytes.toString()) as { text: string }).text, `${n}`);
      }
      const image = await ask(`${location}/image`);
      assert.deepEqual([image.status, image.bytes.equals(bytes)], [200, true]);
    }
    assert.equal(await storedCount(), stored, 'none of them was in PostgreSQL when it was read');
  });

  test('is not there for another key, and what nobody has made is a 404', async () => {
    const { location } = await ask('/v1/barcodes', '{"symbology":"qrcode","text":"x"}');
    const created = await stack.run('keys', 'create', '--name', 'other', '--json');
    const { key } = JSON.parse(created.stdout) as { key: string };
    for (let round = 0; round < 8; round++) {
      const reply = await fetch(`${stack.url}${location}`, {
        headers: { 'x-api-key': key, connection: 'close' },
      });
      assert.equal(reply.status, 404);
    }
    const old = location.replace(/\/0[0-9a-f]{7}-/, '/01900000-');
    assert.equal((await ask(old)).status, 404);
  });
});
