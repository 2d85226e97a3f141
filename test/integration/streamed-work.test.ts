import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { closers, inFlight, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';

const SLOTS = 2;

/** A language model: it works on so many requests, streamed or whole, and answers 429 to any further one. */
async function languageModel(tokenMs: number): Promise<{ origin: string; most: () => number }> {
  let busy = 0;
  let most = 0;
  const { origin } = await startBackend(async (req, res) => {
    if (busy === SLOTS) {
      res.statusCode = 429;
      return void res.end('full');
    }
    most = Math.max(most, ++busy);
    const isStream = req.url === '/stream';
    if (isStream) res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let token = 0; token < 5; token++) {
      await sleep(tokenMs);
      if (isStream) res.write(`data: ${token}\n\n`);
    }
    busy--;
    res.end(isStream ? 'data: [DONE]\n\n' : 'whole');
  });
  return { origin, most: () => most };
}

async function start(origin: string, route: { cache?: object } = {}, env = {}): Promise<TestGateway> {
  const rampart = await startTestGateway({
    env,
    upstreams: { llm: { backends: [origin], cap: SLOTS } },
    routes: [{ endpoint: 'llm', path: '/*', upstream: 'llm', longLived: false, ...route }],
  });
  closers.push(() => rampart.close());
  return rampart;
}

describe('longLived: false, where event streams are work', () => {
  for (const [name, route] of [
    ['', {}],
    [' on a route with a cache', { cache: {} }],
  ] as const) {
    test(`streams and whole replies together stay within the cap${name}`, async () => {
      const { origin, most } = await languageModel(10);
      const rampart = await start(origin, route);
      const replies: string[] = [];
      await Promise.all(
        Array.from({ length: 2 * SLOTS }, async (_, client) => {
          for (let round = 0; round < 5; round++) {
            const reply = await fetch(`${rampart.url}/${(client + round) % 2 === 0 ? 'stream' : 'whole'}`);
            replies.push(`${reply.status} ${(await reply.text()).slice(-14).trim()}`);
          }
        }),
      );
      assert.equal(replies.length, 10 * SLOTS);
      assert.ok(
        replies.every((reply) => reply.startsWith('200 ')),
        replies.join(', '),
      );
      assert.equal(most(), SLOTS);
      assert.equal(inFlight(rampart), 0);
    });
  }

  test('a worker that stops waits for the end of a stream', async () => {
    const { origin } = await languageModel(60);
    const rampart = await start(origin);
    const reply = await fetch(`${rampart.url}/stream`);
    const text = reply.text();
    await rampart.gateway.drain();
    assert.equal(await text, 'data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: [DONE]\n\n');
  });

  test('a stream that falls silent is cut, and its permit is free', async () => {
    const { origin } = await startBackend((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: 0\n\n');
      closers.push(async () => void res.destroy());
    });
    const rampart = await start(origin, {}, { UPSTREAM_TIMEOUT_MS: '300' });
    const reply = await fetch(`${rampart.url}/stream`);
    await assert.rejects(reply.text());
    await eventually('the permit is free', () => inFlight(rampart) === 0);
  });
});
