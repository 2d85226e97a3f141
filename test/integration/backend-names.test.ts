import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Backend } from '../../src/gateway/upstream/backend.ts';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { quietInstruments } from '../support/instruments.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { eventually } from '../support/raw.ts';

test('D2: a backend whose name has moved gets new connections, and what is in flight ends on the old one', async () => {
  let connections = 0;
  const held: ServerResponse[] = [];
  const server = createServer((req, res) => void (req.url === '/held' ? held.push(res) : res.end('ok')));
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const clock = new ManualClock();
  const instruments = quietInstruments();
  let addresses = ['127.0.0.1'];
  let looks = 0;
  const backend = new Backend({ id: 'b', origin: `http://localhost:${(server.address() as AddressInfo).port}` }, 0, {
    cap: 4,
    upstream: 'u',
    connectMs: 1000,
    replyHeadBytes: 16_384,
    metrics: new GatewayMetrics(instruments.registry),
    bugs: instruments.bugs,
    clock,
    lookUp: async () => {
      looks++;
      return addresses;
    },
  });
  const get = async (path: string): Promise<string> =>
    (await backend.pool.request({ path, method: 'GET' })).body.text();
  const look = async (): Promise<void> => {
    const before = looks;
    clock.advance(5_000);
    await eventually('it has looked', () => looks > before);
    await new Promise((resolve) => setImmediate(resolve));
  };
  try {
    const waiting = get('/held');
    await eventually('it is there', () => held.length === 1);
    for (let round = 0; round < 5; round++) assert.equal(await get('/'), 'ok');
    const warm = connections;
    await look();
    assert.equal(await get('/'), 'ok');
    assert.equal(connections, warm, 'nothing has moved');
    addresses = ['127.0.0.9'];
    await look();
    assert.equal(await get('/'), 'ok');
    assert.equal(connections, warm + 1, 'a kept connection to the old address is not used again');
    held[0]?.end('late');
    assert.equal(await waiting, 'late');
  } finally {
    await backend.close();
    server.close();
    server.closeAllConnections();
  }
});
