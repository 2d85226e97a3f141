import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { postJson, type SinkResult } from '../../../../src/control/alerts/sink.ts';

/** What becomes of a message that a receiver answers like this, and the paths that it was asked for. */
async function outcomeOf(
  t: TestContext,
  answer: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<{ readonly result: SinkResult; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(req.url ?? '');
    answer(req, res);
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { result: await postJson(`http://127.0.0.1:${port}/hook`, { version: '4' }), asked };
}

test('a redirect is final and not followed, so that it does not hold up what comes after it', async (t) => {
  const { result, asked } = await outcomeOf(t, (_req, res) => res.writeHead(302, { location: '/other' }).end());
  assert.deepEqual(result, { outcome: 'rejected', why: 'the receiver answered 302' });
  assert.deepEqual(asked, ['/hook']);
});

test('404 is final; 500, 429 with Retry-After and a broken connection are tried again', async (t) => {
  const status = async (code: number, headers: Record<string, string> = {}): Promise<SinkResult> =>
    (await outcomeOf(t, (_req, res) => res.writeHead(code, headers).end())).result;
  assert.equal((await status(404)).outcome, 'rejected');
  assert.equal((await status(500)).outcome, 'failed');
  assert.deepEqual(await status(429, { 'retry-after': '7' }), {
    outcome: 'failed',
    why: 'the receiver answered 429',
    retryAfterMs: 7000,
  });
  assert.equal((await outcomeOf(t, (req) => req.socket.destroy())).result.outcome, 'failed');
});

test('a reply of 10 MB, and one that never ends, are taken without being read', async (t) => {
  const large = Buffer.alloc(10_000_000, 'a');
  assert.equal((await outcomeOf(t, (_req, res) => res.end(large))).result.outcome, 'delivered');
  assert.equal((await outcomeOf(t, (_req, res) => void res.write('a'))).result.outcome, 'delivered');
});
