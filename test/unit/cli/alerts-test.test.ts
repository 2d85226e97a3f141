import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { alerts } from '../../../src/cli/alerts.ts';

const LIMIT_MS = 60_000;

test('alerts test asks its receivers at once, and says what each answered', { timeout: LIMIT_MS }, async (t) => {
  const waiting: ServerResponse[] = [];
  const server = createServer((req, res) => {
    req.resume();
    // Nobody is answered before both have been asked.
    waiting.push(res);
    if (waiting.length === 2) for (const one of waiting) one.writeHead(one.req.url === '/hook' ? 200 : 404).end();
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let out = '';
  const code = await alerts(['test'], {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: () => true },
    env: { ALERT_WEBHOOK_URL: `${url}/hook`, ALERTMANAGER_URL: `${url}/` },
    folder: import.meta.dirname,
  });
  assert.equal(code, 1);
  assert.equal(out, 'ALERT_WEBHOOK_URL: delivered\nALERTMANAGER_URL: rejected: the receiver answered 404\n');
});
