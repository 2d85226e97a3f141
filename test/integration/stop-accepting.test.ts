import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { stopAccepting } from '../../src/gateway/http/stop-accepting.ts';
import { Bugs } from '../../src/metrics/bugs.ts';
import { Registry } from '../../src/metrics/instruments.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A client with one kept connection, which asks whenever it is told to, and says the status or the error. */
const client = `
  import { Agent, request } from 'node:http';
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  process.on('message', (port) => {
    const req = request({ port, host: '127.0.0.1', agent }, (res) => {
      res.resume().on('end', () => process.send(String(res.statusCode)));
    });
    req.on('error', (error) => process.send(error.code));
    req.end();
  });
  process.send('up');`;

test('a request that came while the event loop was busy is served before idle connections are closed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-stop-'));
  writeFileSync(join(folder, 'client.mjs'), client);
  const clock = new ManualClock();
  const bugs = new Bugs(pino({ level: 'silent' }), new Registry());
  const server = createServer((_req, res) =>
    res.setHeader('connection', server.listening ? 'keep-alive' : 'close').end('ok'),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const child = fork(join(folder, 'client.mjs'));
  try {
    await once(child, 'message');
    child.send(port);
    assert.deepEqual(await once(child, 'message'), ['200', undefined]);
    const stopped = stopAccepting(server, () => server.closeIdleConnections(), { clock, bugs }, undefined);
    child.send(port);
    const said = once(child, 'message');
    // The event loop stands still while the request arrives, and the time for idle connections runs out meanwhile.
    await new Promise<void>((resolve) =>
      setImmediate(() => {
        setTimeout(() => {
          clock.advance(60_000);
          resolve();
        }, 0);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
      }),
    );
    assert.deepEqual(await said, ['200', undefined]);
    await stopped;
  } finally {
    child.kill();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
